//! Many threads, while files change.

use super::scenarios::*;
use super::*;

#[test]
fn every_answer_matches_the_old_or_the_new_files() {
    holds("threads", "rewriting", many(4, 20, 120));
}

#[test]
fn configuration_changes_take_effect_without_leaking_memory() {
    let (host, count) = (Host::new(), many(1000, 3000, 20_000));
    let mut command = host.command(&[&library()], &program("threads"), &["reloads", &count.to_string()]);
    // Without the thread cache of malloc, whose contents count as in use (malloc_info(3)).
    command.env("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0");
    conclude(Heading::Threads, "", &command.output().unwrap(), None);
}

#[test]
fn the_first_lookups_of_a_process_may_be_concurrent() {
    holds("threads", "first", many(100, 500, 3000));
}
