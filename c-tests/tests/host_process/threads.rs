//! Many threads, and files that change under them.

use super::many;
use super::scenarios::holds;

#[test]
fn every_answer_is_right_by_the_old_or_the_new_files() {
    holds("threads", "rewriting", many(4, 20, 120));
}

#[test]
fn changes_of_the_configuration_take_effect_and_cost_no_memory() {
    holds("threads", "reloads", many(1000, 3000, 20_000));
}

#[test]
fn the_first_lookups_of_a_process_may_be_many_threads_at_once() {
    holds("threads", "first", many(100, 500, 3000));
}
