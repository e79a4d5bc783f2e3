use super::*;

/// The behaviour of the server, the address family (0 for both), and whether the answer is cached, so that the second
/// of two lookups sends no queries.
const KEPT: &[(&str, u32, bool)] = &[
    ("ok", 4, true),
    ("ok", 6, true),
    ("ok_ok", 0, true),
    ("ok3", 4, true),
    ("cname", 4, true),
    ("chain", 4, true),
    ("tc", 4, true),
    ("tc_tc", 0, true),
    ("badlen", 4, true),
    ("live2147483647", 4, true),
    ("live2147483648", 4, false),
    ("live4294967295", 4, false),
    ("live0", 4, false),
    ("live0_live300", 0, false),
    ("links300", 4, true),
    ("links0", 4, false),
    ("nx", 4, true),
    ("nx_nx", 0, true),
    ("nodata", 6, true),
    ("nodata_nodata", 0, true),
    ("ok_nodata", 0, true),
    ("nxsoa60060", 4, true),
    ("nxsoa60000", 4, false),
    ("nxsoa60", 4, false),
    ("ndsoa60060", 4, true),
    ("ndsoa60000", 4, false),
    ("ndsoa60", 4, false),
    ("nxcname", 4, true),
    // No time to live, except that of the other answer.
    ("rcode3", 4, false),
    ("rcode3_rcode3", 0, false),
    ("bare", 4, false),
    ("bare", 6, false),
    ("bare_bare", 0, false),
    ("ok_bare", 0, true),
    ("bare_ok", 0, true),
    ("cnamex", 4, false),
    ("cnamexsoa", 4, false),
    ("textonly", 4, false),
    // Failures of servers, and unusable answers.
    ("servfail", 4, false),
    ("servfail_servfail", 0, false),
    ("ok_servfail", 0, false),
    ("servfail_ok", 0, false),
    ("nx_servfail", 0, false),
    ("refused", 4, false),
    ("refused_refused", 0, false),
    ("notimp", 4, false),
    ("formerr", 4, false),
    ("ok_formerr", 0, false),
    ("sfhdr", 4, false),
    ("nxhdr", 4, false),
    ("lame", 4, false),
    ("drop", 4, false),
    ("drop_drop", 0, false),
    ("ok_drop", 0, false),
    ("drop_ok", 0, false),
    ("tcfail", 4, false),
    ("tcstall", 4, false),
    ("tcfail_tcfail", 0, false),
    ("tctc", 4, false),
    ("tcsf", 4, false),
    ("cut", 4, false),
    ("trail", 4, false),
    ("trail_trail", 0, false),
    ("more", 4, false),
    ("nxdata", 4, false),
    // Too large for the cache.
    ("tcfull", 4, false),
];

#[test]
fn only_uncached_answers_are_queried_again() {
    let place = Place::new();
    all(KEPT, |&(word, family, kept)| {
        let label = if word.contains('_') { word.to_owned() } else { format!("{word}_{word}") };
        let case = |mark: &str| format!("gai {label}.{mark}{family}.t.example - 0 {family} 1\n");
        let outcomes = place.probe(&[("nss-bypass.conf", KEEPING)], &(case("once") + &case("more") + &case("more")));
        let of = |mark: &str| place.asked(&format!(" {label}.{mark}{family}.t"));
        let (once, twice) = (of("once"), of("more"));
        // After a lost answer, queries are sent to the server one after the other, and each of them once.
        let each = if word == "ok_drop" { 2 } else { once };
        let expected = if kept { once } else { 2 * each };
        let same = outcomes.len() == 3 && outcomes[1] == outcomes[2] && outcomes[0] == outcomes[1];
        let wrong = once == 0 || twice != expected || !same;
        wrong.then(|| format!("{label} family {family}: {once}, then {twice} queries; same results: {same}"))
    });
    say(&format!("{} behaviours of servers: answers cached only if allowed", KEPT.len()));
}

/// Reverse lookups, by the last octet.
#[test]
fn reverse_lookups_are_cached() {
    let place = Place::new();
    let rows = [(5, true), (2, true), (8, true), (7, true), (6, false), (11, false), (10, false), (16, false)];
    all(&rows, |&(octet, kept)| {
        let case = |net: u32| format!("ghba 10.1.{net}.{octet}\ngni 10.1.{net}.{octet} 80 0\n");
        place.probe(&[("nss-bypass.conf", KEEPING)], &format!("ghba 10.1.1.{octet}\n"));
        let two = place.probe(&[("nss-bypass.conf", KEEPING)], &(case(2) + &case(2)));
        let of = |net: u32| place.asked(&format!(" {octet}.{net}.1.10."));
        let (once, all) = (of(1), of(2));
        let same = two.len() == 4 && two[0] == two[2] && two[1] == two[3];
        let wrong = once == 0 || all != if kept { once } else { 4 * once } || !same;
        wrong.then(|| format!("{octet}: {once}, then {all}: {two:?}"))
    });
}

/// Expiry: the configuration, and the numbers of queries after one lookup, after a second one, and after a third one
/// 2.4 seconds later.
const UNTIL: &[(&str, &str, &str, &str, [usize; 3])] = &[
    ("its time to live", "cache 1024", "", "live2_nx", [1, 1, 2]),
    ("a longer time to live", "cache 1024", "", "live9_nx", [1, 1, 1]),
    ("the line's most", "cache 1024 max-ttl 2", "", "live300_nx", [1, 1, 2]),
    ("the rule's most", "cache 1024 max-ttl 60", "max-ttl 2", "live300_nx", [1, 1, 2]),
    ("the rule's most, above the line's", "cache 1024 max-ttl 2", "max-ttl 60", "live300_nx", [1, 1, 1]),
    ("the rule's most without a line", "", "cache on max-ttl 2", "live300_nx", [1, 1, 2]),
    ("the SOA's time to live", "cache 1024", "", "nxsoa2060_nx", [1, 1, 2]),
    ("the SOA's last field", "cache 1024", "", "nxsoa60002_nx", [1, 1, 2]),
    ("the SOA's longer times", "cache 1024", "", "nxsoa60060_nx", [1, 1, 1]),
    ("the same of no data", "cache 1024", "", "ndsoa2060_nx", [1, 1, 2]),
    ("the last field of no data", "cache 1024", "", "ndsoa60002_nx", [1, 1, 2]),
    ("the most, of no data", "cache 1024 max-ttl 2", "", "ndsoa60060_nx", [1, 1, 2]),
    ("the shortest of a chain", "cache 1024", "", "links2_nx", [1, 1, 2]),
    ("a chain of longer times", "cache 1024", "", "links9_nx", [1, 1, 1]),
    ("no line", "", "", "live300_nx", [1, 2, 3]),
    ("no entries", "cache 0", "", "live300_nx", [1, 2, 3]),
    ("no entries, and a rule that wants some", "cache 0", "cache on", "live300_nx", [1, 2, 3]),
    ("a rule that wants none", "cache 1024", "cache off", "live300_nx", [1, 2, 3]),
    ("a rule that wants it, without a line", "", "cache on", "live300_nx", [1, 1, 1]),
    ("one entry", "cache 1", "", "live300_nx", [1, 1, 1]),
];

#[test]
fn answers_are_used_until_their_time_to_live_is_over() {
    let place = Place::new();
    let rows: Vec<_> = UNTIL.iter().enumerate().collect();
    all(&rows, |(number, (what, line, options, label, expected))| {
        let conf = format!("bypass *.t.example {options}\n{line}\n");
        let counts = [1, 2, 3].map(|lookups| {
            let case = format!("gai {label}.u{number}-{lookups}.t.example - 0 4 1\n");
            let lines = [case.as_str(), &case, "sleep 2400\n", &case];
            let lines = if lookups == 3 { lines.concat() } else { lines[..lookups].concat() };
            place.probe(&[("nss-bypass.conf", &conf)], &lines);
            place.asked(&format!(".u{number}-{lookups}.t"))
        });
        (counts != *expected).then(|| format!("{what}: {counts:?} queries, not {expected:?}"))
    });
    say(&format!("{} conditions of expiry and configuration", UNTIL.len()));
}

/// The search list, and the numbers of queries after one lookup, after a second one, and after a third one 2.4 seconds
/// later.
const SEARCHED: &[(&str, [usize; 3])] = &[
    ("live300.w nx.w", [1, 1, 1]),
    ("nx.w live300.w", [2, 2, 2]),
    ("nxsoa2060.w live300.w", [2, 2, 4]),
    ("ndsoa60002.w live300.w", [2, 2, 4]),
    ("nxsoa60060.w live2.w", [2, 2, 4]),
    ("servfail.w live300.w", [2, 4, 6]),
    ("rcode3.w live300.w", [2, 4, 6]),
    ("nx.w nx.w", [3, 3, 3]),
    ("nx.w servfail.w", [3, 6, 9]),
];

#[test]
fn a_result_of_the_search_list_is_used_until_one_of_its_answers_expires() {
    let place = Place::new();
    let rows: Vec<_> = SEARCHED.iter().enumerate().collect();
    all(&rows, |(number, (list, expected))| {
        let resolv = format!("nameserver 127.0.0.53\nsearch {list}\noptions timeout:5 attempts:1\n");
        let counts = [1, 2, 3].map(|lookups| {
            let case = format!("gai s{number}-{lookups}-host - 0 4 1\n");
            let lines = [case.as_str(), &case, "sleep 2400\n", &case];
            let lines = if lookups == 3 { lines.concat() } else { lines[..lookups].concat() };
            place.probe(&[("nss-bypass.conf", KEEPING), ("resolv.conf", &resolv)], &lines);
            place.asked(&format!(" s{number}-{lookups}-host"))
        });
        (counts != *expected).then(|| format!("{list}: {counts:?} queries, not {expected:?}"))
    });
}
