//! fork(2) and related system calls during lookups.

use super::many;
use super::scenarios::{holds, holds_where_glibc_does_not};

#[test]
fn children_forked_during_matched_lookups_of_threads_work() {
    holds("fork", "matched", many(200, 1000, 10_000));
}

#[test]
fn children_forked_during_matched_and_passed_lookups_of_threads_work() {
    let count = many(150, 1000, 10_000);
    holds_where_glibc_does_not("fork", "passed", count, many(48, 200, 400));
}

#[test]
fn children_forked_while_lookups_wait_for_servers_work() {
    holds("fork", "waiting", many(40, 200, 1000));
}

#[test]
fn children_forked_at_any_system_call_of_a_lookup_work() {
    let every = many(9, 1, 1);
    holds_where_glibc_does_not("fork", "stops", every, many(25, 9, 3));
}

#[test]
fn programs_started_during_lookups_work() {
    holds("fork", "spawns", many(20, 100, 500));
}

#[test]
fn processes_that_become_daemons_work() {
    holds("fork", "daemons", many(20, 100, 500));
}

#[test]
fn a_signal_handler_can_fork_during_a_lookup() {
    holds("fork", "handler", many(5, 20, 100));
}
