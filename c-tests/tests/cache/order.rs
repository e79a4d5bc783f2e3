use super::*;

#[test]
fn cached_addresses_keep_the_order_of_the_server() {
    let place = Place::new();
    let lookup = "ghbn turn2_nx.order.t.example\n";
    let lines = [lookup, lookup, "sleep 2400\n", lookup, lookup].concat();
    let found = place.probe(&[("nss-bypass.conf", KEEPING)], &lines);
    let of = |first: u32| {
        let addresses: Vec<String> = (0..5).map(|n| format!("192.0.2.{}", (first + n) % 5 + 1)).collect();
        format!("addresses=[{}]", addresses.join(","))
    };
    for (index, first) in [(0, 1), (1, 1), (3, 2), (4, 2)] {
        assert!(found[index].contains(&of(first)), "{found:#?}");
    }
    // getaddrinfo sorts them again. The other sets are independent of each other.
    let sets = ["set-near", "ter-near", "set-scopes", "set-labels"];
    let cases: String = sets.iter().map(|set| format!("gai {set}_{set}.order.t.example - 0 0 1\n")).collect();
    let kept = place.probe(&[("nss-bypass.conf", KEEPING)], &cases.repeat(2));
    let plain = place.probe(&[("nss-bypass.conf", EVERYTHING)], &cases.repeat(2));
    assert_eq!(kept, plain);
}
