//! Very large files, and files with garbage. The results must be those of bare glibc. The ratio of the times is
//! printed, and is not checked.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use c_tests::artefacts::{library, program};
use c_tests::cases::Setup;
use c_tests::differ::{EVERYTHING, Side};
use c_tests::world::{Nscd, World};

/// The same lookups with bare glibc without nscd, and with the library and an nscd that gives wrong answers, in an /etc
/// that `fill` creates.
struct Pair {
    setup: Setup,
    worlds: [World; 2],
    etc: std::path::PathBuf,
}

impl Pair {
    fn new(fill: impl Fn(&Path)) -> Self {
        let setup = Setup::default();
        let worlds = [Nscd::None, Nscd::Lying].map(|nscd| World::start(&setup.addresses, nscd));
        let etc = setup.etc();
        fill(&etc);
        Self { setup, worlds, etc }
    }

    /// The output with bare glibc and with the library, and the median times in nanoseconds.
    fn ask(&self, rounds: u32, question: &[&str]) -> [(String, f64); 2] {
        let sides = [Side::bare(), Side::with(&library(), Some(EVERYTHING))];
        let ask = |(side, world): (&Side, &World)| {
            let mut command = side.configure(world.command(&program("lookup_time"), &self.etc), &self.setup);
            let output = command.arg(rounds.to_string()).args(question).stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{question:?}: {output:?}");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let (found, time) = text.trim_end().rsplit_once('\n').unwrap();
            (found.to_owned(), time.parse().unwrap())
        };
        [ask((&sides[0], &self.worlds[0])), ask((&sides[1], &self.worlds[1]))]
    }

    fn compare(&self, what: &str, rounds: u32, question: &[&str]) {
        let [(expected, bare), (found, ours)] = self.ask(rounds, question);
        assert_eq!(found, expected, "{what}: {question:?}");
        let question = question.join(" ");
        let line = format!("{what}, {question}: {found}, in {:.2} of glibc's time\n", ours / bare);
        let _ = std::io::stdout().write_all(line.as_bytes());
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    write(&mut file).and_then(|()| file.flush()).unwrap();
}

#[test]
fn a_hosts_file_with_a_hundred_thousand_lines_has_the_same_results_as_in_glibc() {
    let pair = Pair::new(|etc| {
        write(&etc.join("hosts"), |file| {
            for n in 0..100_000_u32 {
                let [_, a, b, c] = n.to_be_bytes();
                writeln!(file, "10.{a}.{b}.{c}\thost{n}.example host{n}")?;
            }
            Ok(())
        });
    });
    for question in [
        &["gai", "host7"][..],
        &["gai", "host99999.example"],
        &["gai", "nx_nx.t.example"],
        &["ghbn", "host50000"],
        &["ghba", "10.1.134.159"],
        &["ghba", "10.0.0.7"],
    ] {
        pair.compare("100,000 lines of hosts", 9, question);
    }
}

#[test]
fn a_hosts_file_with_fifty_megabytes_of_garbage_has_the_same_results_as_in_glibc() {
    let pair =
        Pair::new(|etc| write(&etc.join("hosts"), |file| garbage(file, 50 << 20, b"192.0.2.99 last.example last")));
    for question in
        [&["gai", "last"][..], &["gai", "ok_ok.t.example"], &["ghbn", "last.example"], &["ghba", "192.0.2.99"]]
    {
        pair.compare("50 MB of garbage in hosts", 1, question);
    }
}

#[test]
fn a_services_file_with_fifty_megabytes_of_garbage_has_the_same_results_as_in_glibc() {
    let pair = Pair::new(|etc| write(&etc.join("services"), |file| garbage(file, 50 << 20, b"last 1234/tcp")));
    for service in ["last", "nosuch", "80"] {
        pair.compare("50 MB of garbage in services", 1, &["gai", "ok_ok.t.example", service]);
    }
}

/// Random bytes (xorshift), with lines of up to thousands of bytes, and a valid line at the end.
fn garbage(file: &mut dyn Write, length: usize, last: &[u8]) -> std::io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..length / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes())?;
    }
    file.write_all(b"\n")?;
    file.write_all(last)?;
    file.write_all(b"\n")
}

/// In this case, an assertion in glibc's lookups aborts the process.
#[test]
fn a_search_list_that_glibc_cannot_copy_does_not_abort_the_process() {
    for search in ["d.".repeat(200) + "ok.w ok2.w", format!("nx.w {}ok.w", "d.".repeat(200))] {
        let text = format!("nameserver 127.0.0.53\nsearch {search}\noptions timeout:1 attempts:1\n");
        let pair = Pair::new(|etc| fs::write(etc.join("resolv.conf"), &text).unwrap());
        let side = Side::with(&library(), Some(EVERYTHING));
        let mut command = side.configure(pair.worlds[1].command(&program("small_stack"), &pair.etc), &pair.setup);
        let mut child = command.arg("64").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"gai ok_ok.t.example\nghbn v4only\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("found ") && said.contains("192.0.2.77"), "{output:?}");
    }
}
