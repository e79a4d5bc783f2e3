//! Signals that interrupt lookups, and handlers that perform lookups.

use super::many;
use super::scenarios::{holds, holds_where_glibc_does_not};

#[test]
fn a_fast_timer_with_sa_restart_changes_neither_answers_nor_timeouts() {
    holds("signals", "restarting", many(1, 5, 20));
}

#[test]
fn a_fast_timer_without_sa_restart_changes_neither_answers_nor_timeouts() {
    holds("signals", "interrupting", many(1, 5, 20));
}

#[test]
fn a_lookup_is_correct_if_a_handler_on_another_stack_performs_lookups() {
    let every = many(5, 2, 1);
    holds_where_glibc_does_not("reentrancy", "above", every, many(25, 9, 3));
    holds("reentrancy", "below", every);
}

#[test]
fn sigpipe_is_never_raised() {
    holds("signals", "closing-servers", many(40, 400, 4000));
}
