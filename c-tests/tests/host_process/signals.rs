//! Signals that interrupt lookups, and handlers that look names up themselves.

use super::many;
use super::scenarios::{holds, holds_where_glibc_does_not};

#[test]
fn lookups_keep_their_answers_and_deadlines_under_a_fast_timer_that_restarts_calls() {
    holds("signals", "restarting", many(1, 5, 20));
}

#[test]
fn lookups_keep_their_answers_and_deadlines_under_a_fast_timer_that_interrupts_calls() {
    holds("signals", "interrupting", many(1, 5, 20));
}

#[test]
fn a_lookup_is_right_though_a_handler_on_another_stack_looks_up_in_its_midst() {
    let every = many(5, 2, 1);
    holds_where_glibc_does_not("reentrancy", "above", every, many(25, 9, 3));
    holds("reentrancy", "below", every);
}

#[test]
fn sigpipe_is_never_raised() {
    holds("signals", "closing-servers", many(40, 400, 4000));
}
