//! Programs without other libraries. Before glibc 2.34, libdl, libpthread and libanl are separate libraries. They may
//! not be loaded, may not even be installed, or may be loaded later for a plug-in.

use super::*;

/// The paths of the files that ld.so loads for a program.
fn needed(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new(tool("ldd")).arg(program).output().expect("ldd runs");
    let text = text(&listed);
    let paths: Vec<PathBuf> = text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect();
    assert!(paths.len() >= 2, "libc and the dynamic linker: {}", whole(&listed));
    paths
}

#[test]
fn libc_and_the_dynamic_linker_are_sufficient() {
    let root = unique(&scratch("libc_only"));
    let program = program("libc_only");
    let install = |from: &Path, to: &Path| {
        let to = root.join(to.strip_prefix("/").expect("an absolute path"));
        fs::create_dir_all(to.parent().expect("a directory")).unwrap();
        fs::copy(from, to).unwrap();
    };
    let needed = needed(&program);
    needed.iter().for_each(|file| install(file, file));
    install(&program, Path::new("/libc_only"));
    install(&library(), Path::new("/libnss_bypass.so"));
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/hosts"), "192.0.2.1 here\n").unwrap();
    let loader = needed.iter().find(|file| file.to_str().is_some_and(|path| path.contains("ld-linux"))).unwrap();

    let looked_up = |library: &[&str], rules: &str, names: &[&str]| {
        let mut command = Command::new(tool("chroot"));
        command.arg(&root).arg(loader).args(library).arg("/libc_only").args(names);
        whole(&command.env_remove("LD_PRELOAD").env("NSS_BYPASS", rules).output().expect("chroot runs"))
    };
    let ours = ["--preload", "/libnss_bypass.so"];
    let names = ["127.0.0.1", "here", "elsewhere.example"];
    let bare = looked_up(&[], "", &names);
    assert!(bare.contains("127.0.0.1: 0 127.0.0.1"), "{bare}");
    assert_eq!(looked_up(&ours, "", &names), bare);
    assert_eq!(looked_up(&ours, "nothing.else", &names), bare);
    // Before 2.34, libc's module for /etc/hosts is a separate file, which does not exist either.
    let matched = looked_up(&ours, "here, 127.0.0.1", &names[..2]);
    assert_eq!(matched, "127.0.0.1: 0 127.0.0.1 127.0.0.1\nhere: 0 192.0.2.1 here\nexit status: 0");
    fs::remove_dir_all(&root).unwrap();
    report(
        Heading::Sandboxes,
        "a system with only libc and the dynamic linker",
        8,
        "as without the library; matched names answered by the library",
        None,
    );
}

#[test]
fn a_plug_in_that_loads_libpthread_works_as_without_the_library() {
    let place = Place::new(|_| ());
    let (program, plugin) =
        (program("plugin_with_threads"), super::linked("plugin_with_threads", &["-DPLUGIN", "-shared", "-fPIC"], &[]));
    let mut times = 0;
    for name in ["v4only", "ok_ok.t.example"] {
        let said = |mut command: Command| {
            command.arg(&plugin).arg(name);
            whole(&run(command, ""))
        };
        let bare = said(place.bare(&program));
        assert!(bare.starts_with("dlerror: -\ngetaddrinfo_a: 0, ") && bare.contains("cancelled: ends"), "{bare}");
        assert_eq!(said(place.with(&library(), &program)), bare, "{name} is matched");
        let mut passed = place.worlds[0].command(&program, &place.etc);
        passed.env("LD_PRELOAD", library()).env("NSS_BYPASS", "nothing.matches.this");
        assert_eq!(said(passed), bare, "{name} is not matched");
        times += 2;
    }
    report(Heading::OtherPreloads, "a plug-in that loads libpthread", times, "as without the library", None);
}
