//! Lookups that are left by siglongjmp.

use super::many;
use super::scenarios::holds_in_both_builds;

#[test]
fn a_jump_out_of_a_matched_lookup_harms_no_later_one() {
    holds_in_both_builds("longjmp", "matched", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_a_passed_lookup_is_as_without_the_library() {
    holds_in_both_builds("longjmp", "passed", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_a_matched_gethostbyname_does_not_block_the_next() {
    holds_in_both_builds("longjmp", "static", many(8, 50, 500));
}

#[test]
fn jumps_leave_no_more_descriptors_than_out_of_glibc() {
    holds_in_both_builds("longjmp", "descriptors", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_any_function_that_a_matched_lookup_calls_harms_no_later_one() {
    holds_in_both_builds("longjmp", "everywhere", 1);
}

#[test]
fn a_jump_out_of_any_such_function_harms_no_later_lookup_from_deeper_in_the_stack() {
    holds_in_both_builds("longjmp", "deeper", 1);
}
