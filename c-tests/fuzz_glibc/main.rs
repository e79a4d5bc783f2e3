//! Performs lookups of generated names and with generated files, with bare glibc and with the library, and compares all
//! results that are visible to a caller. scripts/fuzz-glibc runs this in private namespaces.

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

/// The maximum number of lookups that one process performs with the same files. The files depend on the batch of a
/// seed.
const BATCH: u64 = 4_000;
/// The maximum number of differences that are printed in full.
const PRINTED: u64 = 10;

/// The results.
#[derive(Default)]
struct Tally {
    compared: u64,
    /// The number of lookups that were successful with bare glibc.
    found: u64,
    different: u64,
    /// The number of differences with each known reason.
    known: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts a comparison, and prints the results if they differ without a known reason.
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

/// Compares rounds until this number of files has been generated, and returns the actual number.
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

/// The version of the running glibc, such as 2.36.
fn glibc() -> String {
    // SAFETY: takes nothing, and returns a constant string.
    let version = unsafe { libc::gnu_get_libc_version() };
    // SAFETY: it is NUL-terminated and static.
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
    // If a thread ended, queries would no longer be answered.
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
