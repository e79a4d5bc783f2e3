//! Runs the same commands with `probe`, with bare glibc and with the library, and compares the outputs.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// The programs to run, and the directory for their files.
pub(crate) struct Programs {
    pub(crate) probe: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) scratch: PathBuf,
}

/// The output of a command that a process did not reach.
const NOT_REACHED: &str = "  (not reached) ";

/// The outputs of a command.
pub(crate) struct Pair {
    pub(crate) bare: String,
    pub(crate) bypassed: String,
}

impl Pair {
    /// Whether the outputs differ. If a process has ended early, they are considered to differ.
    pub(crate) fn differs(&self) -> bool {
        self.bare != self.bypassed || self.bare.contains(NOT_REACHED)
    }

    /// Whether the lookup was successful with bare glibc.
    pub(crate) fn is_found(&self) -> bool {
        ["  => 0", "  => found", "  => rc=0 name="].iter().any(|beginning| self.bare.starts_with(beginning))
    }
}

impl Programs {
    /// Runs these commands, one per line, in two concurrent processes.
    pub(crate) fn run(&self, commands: &[String], variables: &[(String, String)]) -> io::Result<Vec<Pair>> {
        let input = self.scratch.join("commands");
        let mut text = commands.join("\n");
        text.push('\n');
        File::create(&input)?.write_all(text.as_bytes())?;
        let (bare, bypassed) = thread::scope(|scope| {
            let bare = scope.spawn(|| self.outputs(&input, variables, None, commands.len()));
            let bypassed = self.outputs(&input, variables, Some(&self.library), commands.len());
            (bare.join().unwrap_or_else(|_| Err(io::Error::other("a thread ended"))), bypassed)
        });
        Ok(bare?.into_iter().zip(bypassed?).map(|(bare, bypassed)| Pair { bare, bypassed }).collect())
    }

    /// The output of each command, or a placeholder if the process ended before.
    fn outputs(
        &self,
        input: &Path,
        variables: &[(String, String)],
        library: Option<&Path>,
        count: usize,
    ) -> io::Result<Vec<String>> {
        let mut command = Command::new(&self.probe);
        command.env_clear().env("PROBE_LIMIT", "20");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::from(File::open(input)?)).stderr(Stdio::null());
        if let Some(library) = library {
            command.env("LD_PRELOAD", library).env("NSS_BYPASS", "* 0.0.0.0/0 ::/0");
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut cases: Vec<String> = Vec::with_capacity(count);
        for line in text.lines() {
            match cases.last_mut() {
                // The output of a command begins with the command itself.
                Some(case) if line.starts_with(' ') => {
                    case.push_str(line);
                    case.push('\n');
                }
                _ => cases.push(String::new()),
            }
        }
        cases.resize_with(count, || format!("{NOT_REACHED}{}\n", output.status));
        Ok(cases)
    }
}
