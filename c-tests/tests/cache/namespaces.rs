use super::*;

fn lines(told: &Told, who: &str) -> Vec<String> {
    told.text.lines().filter_map(|line| line.strip_prefix(who)).map(str::to_owned).collect()
}

#[test]
fn a_thread_in_another_network_namespace_does_not_use_cached_answers() {
    let (place, other) = (Place::new(), Place::new());
    let network = other.0.network();
    let lookup = "gai nth300_nth300.elsewhere.t.example";
    let words = ["network", network.to_str().unwrap(), lookup];
    let told = place.finish(place.command("namespaces", &words, &[("nss-bypass.conf", KEEPING)]), "");
    assert!(told.output.status.success(), "{}", told.text);
    for who in ["main: ", "thread: "] {
        let said = lines(&told, who);
        assert!(said.len() == 3 && said.iter().all(|line| line.contains("192.0.2.1")), "{}", told.text);
    }
    assert_eq!([place.asked("elsewhere"), other.asked("elsewhere")], [2, 2]);
    let words = ["nowhere", "-", lookup];
    let told = place.finish(place.command("namespaces", &words, &[("nss-bypass.conf", KEEPING)]), "");
    assert!(lines(&told, "thread: ").iter().all(|line| line.ends_with("EAI_AGAIN")), "{}", told.text);
    assert!(lines(&told, "main: ").iter().all(|line| line.contains("192.0.2.2")), "{}", told.text);
    assert_eq!(place.asked("elsewhere"), 4);
}

#[test]
fn a_thread_with_other_files_does_not_use_cached_answers() {
    let place = Place::new();
    let (command, etc) = place.command(
        "namespaces",
        &["mounts", "/etc/other", "ghbn okznx_okznx.mounts.t.example", "ghbn v4only"],
        &[("nss-bypass.conf", KEEPING)],
    );
    fs::create_dir(etc.join("other")).unwrap();
    fs::write(etc.join("other/resolv.conf"), "nameserver 127.0.0.54\noptions timeout:1 attempts:1\n").unwrap();
    fs::write(etc.join("other/hosts"), "192.0.2.99 v4only\n").unwrap();
    let told = place.finish((command, etc), "");
    let (main, thread) = (lines(&told, "main: "), lines(&told, "thread: "));
    assert!(main.iter().any(|line| line.contains("192.0.2.77")), "{}", told.text);
    assert!(!main.iter().any(|line| line.contains("192.0.2.99") || line.contains("h_errno")), "{}", told.text);
    assert!(!thread.iter().any(|line| line.contains("192.0.2.77") || line.contains(" 192.0.2.1")), "{}", told.text);
}

#[test]
fn nothing_is_cached_if_the_network_namespace_is_unknown() {
    let place = Place::new();
    let lookup = "ghbn nth300_nx.noproc.t.example";
    for (words, expected) in [
        (["then-noproc", "-", lookup, lookup, lookup], ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]),
        (["noproc", "-", lookup, lookup, lookup], ["192.0.2.5", "192.0.2.6", "192.0.2.7", ""]),
    ] {
        let told = place.finish(place.command("namespaces", &words, &[("nss-bypass.conf", KEEPING)]), "");
        let mut said = lines(&told, "before: ");
        said.dedup();
        said.extend(lines(&told, "there: "));
        let found = said.iter().zip(expected).all(|(line, address)| line.ends_with(address));
        assert!(told.output.status.success() && found, "{}", told.text);
    }
    // The same in a chroot that contains files, but no /proc.
    let root = place.0.directory().join("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    for (file, text) in [
        ("resolv.conf", "nameserver 127.0.0.53\noptions timeout:5\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
        ("nss-bypass.conf", KEEPING),
        ("host.conf", "multi on\n"),
    ] {
        fs::write(root.join("etc").join(file), text).unwrap();
    }
    let lookup = "ghbn nth300_nx.chroot.t.example";
    let words = ["then-chroot", root.to_str().unwrap(), lookup, lookup];
    let told = place.finish(place.command("namespaces", &words, &[("nss-bypass.conf", KEEPING)]), "");
    let said = [lines(&told, "before: "), lines(&told, "there: ")].concat();
    let found = said.iter().zip(["2.1", "2.1", "2.2", "2.3"]).all(|(line, address)| line.ends_with(address));
    assert!(said.len() == 4 && found, "{}", told.text);
}
