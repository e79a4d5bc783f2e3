//! Jumps out of lookups with siglongjmp.

use super::many;
use super::scenarios::holds_in_both_builds;

#[test]
fn a_jump_out_of_a_matched_lookup_does_not_affect_later_lookups() {
    holds_in_both_builds("longjmp", "matched", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_a_passed_lookup_behaves_as_without_the_library() {
    holds_in_both_builds("longjmp", "passed", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_a_matched_gethostbyname_does_not_block_the_next() {
    holds_in_both_builds("longjmp", "static", many(8, 50, 500));
}

#[test]
fn jumps_leave_no_more_descriptors_open_than_with_glibc() {
    holds_in_both_builds("longjmp", "descriptors", many(8, 50, 500));
}

#[test]
fn a_jump_out_of_any_function_called_by_a_matched_lookup_does_not_affect_later_lookups() {
    holds_in_both_builds("longjmp", "everywhere", 1);
}

#[test]
fn a_jump_out_of_any_such_function_does_not_affect_later_lookups_deeper_in_the_stack() {
    holds_in_both_builds("longjmp", "deeper", 1);
}
