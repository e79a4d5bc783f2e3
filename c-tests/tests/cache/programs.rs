//! Programs that check their results themselves, and print rows of a table, as in tests/host_process.

use super::*;

fn holds_with(name: &str, scenario: &str, count: u32, files: &[(&str, &str)]) {
    let place = Place::new();
    let plain = ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5 attempts:3\n");
    let files = [&[plain], files].concat();
    let told = place.finish(place.command(name, &[scenario, &count.to_string()], &files), "");
    for line in told.text.lines().filter_map(|line| line.strip_prefix("= ")) {
        say(line);
    }
    let shown: String = told.text.chars().take(4000).collect();
    assert!(told.output.status.success(), "{scenario}: {shown}{}", told.output.status);
}

/// Scenarios of programs/cache.c, and the number of repetitions in a test and in the soak test.
macro_rules! rows {
    ($($test:ident: $scenario:literal, $test_count:literal, $soak_count:literal;)+) => { $(
        #[test]
        fn $test() {
            holds_with("cache", $scenario, many($test_count, $soak_count, $soak_count), &[]);
        }
    )+ };
}
rows! {
    memory_is_bounded_by_the_number_of_entries: "many", 20_000, 1_000_000;
    an_entry_takes_less_than_a_kibibyte: "bytes", 2_000, 20_000;
    large_answers_do_not_fill_the_memory: "large", 30, 300;
    the_cache_of_an_old_configuration_is_freed: "reloads", 40, 400;
    a_thread_with_its_own_resolver_options_does_not_use_the_cache: "wishes", 1, 1;
    a_thread_that_changes_its_network_namespace_gets_matching_answers: "moves", 4, 20;
    missing_routing_information_is_not_cached: "descriptors", 2, 10;
    children_use_and_extend_the_cache: "quiet-children", 30, 300;
    children_forked_during_continuous_use_of_the_cache_never_hang: "children", 300, 3000;
    a_change_of_hosts_takes_effect_in_the_next_tick: "hosts", 100, 500;
    a_change_of_resolv_conf_takes_effect_in_the_next_tick: "resolv", 50, 500;
}

#[test]
fn children_forked_during_cached_lookups_of_threads_work() {
    let rules = "cache 64\nbypass *.m.example 192.0.2.0/24 via 127.0.0.54 timeout 5 attempts 3\n\
        bypass *.short.example via 127.0.0.54 timeout 1 attempts 1\n";
    let files = [("nss-bypass.conf", rules), ("hosts", HOSTS), ("host.conf", "multi on\n")];
    holds_with("fork", "matched", many(300, 1000, 1000), &files);
    holds_with("fork", "handler", many(3, 20, 20), &files);
}

#[test]
fn sixty_four_threads_get_answers_that_match_the_current_files() {
    holds_with("threads", "rewriting-kept", many(4, 30, 30), &[("host.conf", "multi on\n")]);
}
