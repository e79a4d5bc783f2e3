//! Threads that end during a lookup: pthread_cancel, and pthread_exit in a handler.

use super::many;
use super::scenarios::holds_in_both_builds;

#[test]
fn a_cancelled_thread_ends_after_a_matched_or_within_a_passed_lookup_without_leaks() {
    holds_in_both_builds("cancel", "deferred", many(4, 20, 100));
}

#[test]
fn an_asynchronously_cancelled_thread_ends_after_a_matched_or_within_a_passed_lookup_without_leaks() {
    holds_in_both_builds("cancel", "asynchronous", many(4, 20, 100));
}

#[test]
fn a_thread_that_is_cancelled_in_a_matched_gethostbyname_does_not_block_the_next() {
    holds_in_both_builds("cancel", "static", many(4, 20, 100));
}

#[test]
fn a_thread_is_not_cancelled_in_a_lookup_without_queries() {
    holds_in_both_builds("cancel", "unasked", 1);
}

#[test]
fn a_thread_that_exits_in_a_handler_during_a_passed_lookup_ends_as_without_the_library() {
    holds_in_both_builds("cancel", "exit-passed", many(4, 20, 100));
}
