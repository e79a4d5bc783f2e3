//! Looks generated names up, and reads generated files, in bare glibc and under the library, and compares all that a
//! caller sees: see scripts/fuzz-glibc, which makes the world that this runs in.

mod answers;
mod compare;
mod files;
mod kinds;
mod lookups;
mod random;
mod server;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use compare::{Pair, Programs};
use files::Round;
use kinds::Difference;

/// Lookups that one process makes at most, with the same files. Those of a seed belong to its place among so many.
const BATCH: u64 = 4_000;
/// Differences that are printed whole.
const PRINTED: u64 = 10;

/// What was counted.
#[derive(Default)]
struct Tally {
    compared: u64,
    /// Those that found something in bare glibc.
    found: u64,
    different: u64,
    /// Differences whose reason is known, by that.
    known: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts two results, and prints them where they differ and nothing explains that.
    fn count(&mut self, results: &Difference<'_>, describe: impl FnOnce() -> String) {
        let Difference { pair, command, .. } = results;
        self.compared += 1;
        self.found += u64::from(pair.is_found());
        if !pair.differs() {
            return;
        }
        let kind = results.kind();
        let counted = match kind {
            Some(kind) => self.known.entry(kind).or_default(),
            None => &mut self.different,
        };
        *counted += 1;
        if *counted <= PRINTED && (kind.is_none() || std::env::var_os("FUZZ_GLIBC_KNOWN").is_some()) {
            let Pair { bare, bypassed } = pair;
            println!("different: {command}\n{}\n bare\n{bare} with the library\n{bypassed}", describe());
        }
    }

    fn report(&self, what: &str) {
        println!(
            "glibc {}: {what}: {} compared, {} of them found, {} differ",
            glibc(),
            self.compared,
            self.found,
            self.different
        );
        for (kind, count) in &self.known {
            println!("    known: {count}: {kind}");
        }
    }
}

fn compare_lookups(programs: &Programs, seed: u64, count: u64) -> io::Result<Tally> {
    let (mut tally, end) = (Tally::default(), seed.saturating_add(count));
    let mut first = seed;
    while first < end {
        let batch = first / BATCH;
        let seeds: Vec<u64> = (first..end.min((batch + 1).saturating_mul(BATCH))).collect();
        let round = Round::for_answers(batch);
        round.write()?;
        let commands: Vec<String> = seeds.iter().map(|&seed| lookups::lookup(seed)).collect();
        for ((pair, seed), command) in programs.run(&commands, &[])?.iter().zip(&seeds).zip(&commands) {
            tally.count(&Difference { command, round: &round, pair }, || {
                let (files, answers) = (round.describe(), lookups::answers(command));
                format!(" again: scripts/fuzz-glibc --lookups 1 --files 0 --seed {seed}\n{files} answers\n{answers}")
            });
        }
        first += seeds.len() as u64;
    }
    Ok(tally)
}

/// Compares rounds until so many files have been made; how many that were.
fn compare_files(programs: &Programs, seed: u64, count: u64) -> io::Result<(Tally, u64)> {
    let (mut tally, mut made) = (Tally::default(), 0);
    for seed in (0..u64::MAX).map(|at| seed.wrapping_add(at)) {
        if made >= count {
            break;
        }
        let round = Round::new(seed);
        made += round.generated.len() as u64;
        round.write()?;
        for (pair, command) in programs.run(&round.commands, &round.variables)?.iter().zip(&round.commands) {
            tally.count(&Difference { command, round: &round, pair }, || {
                format!(" again: scripts/fuzz-glibc --lookups 0 --files 1 --seed {seed}\n{}", round.describe())
            });
        }
    }
    Ok((tally, made))
}

/// The version of the glibc that runs, such as 2.36.
fn glibc() -> String {
    // SAFETY: takes nothing, and returns a constant string.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: it ends in a NUL, and stays.
    unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
}

fn run(words: &[String]) -> io::Result<bool> {
    let [probe, library, scratch, seed, lookups, files] = words else {
        return Err(io::Error::other("usage: fuzz-glibc PROBE LIBRARY SCRATCH SEED LOOKUPS FILES"));
    };
    let number = |word: &String| word.parse::<u64>().map_err(io::Error::other);
    let programs =
        Programs { probe: PathBuf::from(probe), library: PathBuf::from(library), scratch: PathBuf::from(scratch) };
    let (seed, lookups, files) = (number(seed)?, number(lookups)?, number(files)?);
    // A thread that ends would leave questions without an answer.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(2);
    }));
    server::start()?;
    let looked_up = compare_lookups(&programs, seed, lookups)?;
    looked_up.report("generated lookups");
    let (read, made) = compare_files(&programs, seed, files)?;
    read.report(&format!("lookups with {made} generated files"));
    Ok(looked_up.different + read.different == 0)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz-glibc: {error}");
            ExitCode::from(2)
        }
    }
}
