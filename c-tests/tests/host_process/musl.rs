//! Another libc than glibc. musl's dynamic linker loads the libraries in LD_PRELOAD regardless of their libc, and ends
//! the program if a required symbol is missing. Its address lists have another layout than glibc's, and it does not
//! query nscd for hosts.

use super::*;

#[test]
fn a_musl_program_behaves_as_without_the_library() {
    let program = scratch("musl").join("musl");
    let source = home().join("programs/musl.c");
    let mut compiler = Command::new(tool("musl-gcc"));
    let built = compiler.args(["-Wall", "-Wextra", "-Werror", "-O1"]).arg(source).arg("-o").arg(&program).output();
    let built = built.expect("musl-gcc runs");
    assert!(built.status.success(), "{}", whole(&built));

    let mut times = 0;
    for name in ["localhost", "ok_ok.t.example", "nothing.invalid"] {
        let looked_up = |library: Option<&Path>| {
            let mut command = Command::new(&program);
            command.arg(name).env_remove("LD_PRELOAD");
            command.envs([("NSS_BYPASS", EVERYTHING), ("NSS_BYPASS_LOG", "stderr,all")]);
            command.envs(library.map(|library| ("LD_PRELOAD", library)));
            command.output().expect("the program runs")
        };
        let bare = looked_up(None);
        assert!(bare.status.success() && text(&bare).contains("getaddrinfo"), "{}", whole(&bare));
        let loaded = looked_up(Some(&library()));
        assert_eq!(whole(&loaded), whole(&bare), "{name}");
        times += 1;
    }
    report(Heading::OtherPreloads, "a musl program", times, "as without the library, which has no effect", None);
}
