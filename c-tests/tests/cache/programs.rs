//! Programs that are their own judges: tables of rows, as in tests/process.rs.

use super::*;

fn many(test: u32, full: u32) -> String {
    let count = if env::var_os("NSS_BYPASS_SOAK").is_some() { full } else { test };
    count.to_string()
}

fn holds_with(name: &str, scenario: &str, count: &str, files: &[(&str, &str)]) {
    let place = Place::new();
    let plain = ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n");
    let files = [&[plain], files].concat();
    let told = place.finish(place.command(name, &[scenario, count], &files), "");
    for line in told.text.lines().filter_map(|line| line.strip_prefix("= ")) {
        say(line);
    }
    let shown: String = told.text.chars().take(4000).collect();
    assert!(told.output.status.success(), "{scenario}: {shown}{}", told.output.status);
}

fn holds(scenario: &str, count: &str) {
    holds_with("cached", scenario, count, &[]);
}

#[test]
fn memory_is_bounded_by_the_number_of_entries() {
    holds("many", &many(20_000, 1_000_000));
}

#[test]
fn an_entry_takes_less_than_a_kibibyte() {
    holds("bytes", &many(2_000, 20_000));
}

#[test]
fn large_answers_do_not_fill_the_memory() {
    holds("large", &many(30, 300));
}

#[test]
fn the_cache_of_an_old_configuration_goes() {
    holds("reloads", &many(40, 400));
}

#[test]
fn a_thread_with_wishes_of_its_own_is_not_served_by_the_cache_and_others_are() {
    holds("wishes", "1");
}

#[test]
fn a_thread_that_moves_to_another_network_and_back_finds_what_belongs_there() {
    holds("moves", &many(4, 20));
}

#[test]
fn what_could_not_be_asked_of_the_kernel_is_not_kept() {
    holds("descriptors", &many(2, 10));
}

#[test]
fn children_use_what_was_kept_and_keep_more() {
    holds("quiet-children", &many(30, 300));
}

#[test]
fn children_of_threads_that_use_the_cache_without_pause_never_hang() {
    holds("children", &many(300, 3000));
}

#[test]
fn a_change_of_hosts_takes_effect_at_once() {
    holds("hosts", &many(100, 500));
}

#[test]
fn a_change_of_resolv_conf_takes_effect_at_once() {
    holds("resolv", &many(50, 500));
}

const HOSTS: &str = "127.0.0.1 localhost\n192.0.2.90 filed.m.example filed\n2001:db8::90 filed.m.example filed\n\
    192.0.2.91 reverse.m.example\n192.0.2.92 filed.t.example\n";

#[test]
fn children_of_threads_that_look_cached_names_up_hang_and_fail_never() {
    let rules = "cache 64\nbypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
        bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n";
    let files = [("nss-bypass.conf", rules), ("hosts", HOSTS), ("host.conf", "multi on\n")];
    holds_with("children", "matched", &many(300, 1000), &files);
    holds_with("children", "handler", &many(3, 20), &files);
}

#[test]
fn sixty_four_threads_find_what_belongs_to_the_files_of_the_moment() {
    holds_with("crowd", "rewriting-kept", &many(4, 30), &[("host.conf", "multi on\n")]);
}
