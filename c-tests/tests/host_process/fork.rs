//! fork(2) and its relatives, in the midst of lookups.

use super::many;
use super::scenarios::{holds, holds_where_glibc_does_not};

#[test]
fn children_of_a_process_whose_threads_look_matched_names_up_hang_and_fail_never() {
    holds("fork", "matched", many(200, 1000, 10_000));
}

#[test]
fn children_of_a_process_whose_threads_look_names_of_both_kinds_up_hang_and_fail_never() {
    let count = many(150, 1000, 10_000);
    holds_where_glibc_does_not("fork", "passed", count, many(48, 200, 400));
}

#[test]
fn children_of_a_process_whose_lookups_wait_for_servers_work() {
    holds("fork", "waiting", many(40, 200, 1000));
}

#[test]
fn children_made_while_a_lookup_stands_at_any_of_its_system_calls_work() {
    let every = many(9, 1, 1);
    holds_where_glibc_does_not("fork", "stops", every, many(25, 9, 3));
}

#[test]
fn programs_that_are_started_beside_lookups_work() {
    holds("fork", "spawns", many(20, 100, 500));
}

#[test]
fn daemons_work() {
    holds("fork", "daemons", many(20, 100, 500));
}

#[test]
fn a_handler_forks_in_the_midst_of_its_own_lookup() {
    holds("fork", "handler", many(5, 20, 100));
}
