//! Runs cases on two sides, and finds differences between their outputs.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::artefacts::program;
use crate::cases::{CaseFile, Section, Setup, shares_a_process};
use crate::world::{Nscd, World};

/// Rules for all names and all addresses.
pub const EVERYTHING: &str = "*, 0.0.0.0/0, ::/0";

/// How the probe is run: the daemon on nscd's socket, the library, and the rules.
#[derive(Clone)]
pub struct Side {
    nscd: Nscd,
    library: Option<PathBuf>,
    rules: Option<&'static str>,
    configuration: Option<PathBuf>,
    /// RES_OPTIONS (resolv.conf(5)).
    res_options: Option<&'static str>,
}

impl Side {
    /// Bare glibc without nscd.
    pub fn bare() -> Self {
        Self { nscd: Nscd::None, library: None, rules: None, configuration: None, res_options: None }
    }

    /// Bare glibc with an nscd that gives wrong answers.
    pub fn bare_beside_nscd() -> Self {
        Self { nscd: Nscd::Lying, ..Self::bare() }
    }

    /// The same with another nscd.
    pub fn beside(self, nscd: Nscd) -> Self {
        Self { nscd, ..self }
    }

    /// The library, with an nscd that gives wrong answers.
    pub fn with(library: &Path, rules: Option<&'static str>) -> Self {
        Self { nscd: Nscd::Lying, library: Some(library.to_path_buf()), rules, ..Self::bare() }
    }

    /// The same with a configuration file.
    pub fn configured(self, file: &Path) -> Self {
        Self { configuration: Some(file.to_path_buf()), ..self }
    }

    /// The same with these options in RES_OPTIONS.
    pub fn with_options(self, options: &'static str) -> Self {
        Self { res_options: Some(options), ..self }
    }

    fn is_reference(&self) -> bool {
        self.library.is_none() && self.nscd == Nscd::None
    }

    /// The probe in a world, with the library and rules of this side.
    pub fn probe(&self, world: &World, setup: &Setup, etc: &Path) -> Command {
        self.configure(world.command(&program("probe"), etc), setup)
    }

    /// The same for another command.
    pub fn configure(&self, mut command: Command, setup: &Setup) -> Command {
        command.envs(&setup.environment).env("PROBE_LIMIT", setup.limit.to_string());
        if setup.silent {
            command.env("PROBE_SECONDS", "1");
        }
        if let Some(library) = &self.library {
            command.env("LD_PRELOAD", library);
        }
        if let Some(rules) = self.rules {
            command.env("NSS_BYPASS", rules);
        }
        if let Some(options) = self.res_options {
            command.env("RES_OPTIONS", options);
        }
        if let Some(file) = &self.configuration {
            command.env("NSS_BYPASS_CONF", file);
        }
        command
    }
}

/// A difference between two sides.
pub struct Difference {
    /// The title of the section.
    pub section: String,
    /// The set-up, for messages.
    pub setup: String,
    /// The lookup.
    pub case: String,
    /// The outputs of the left and of the right side.
    pub outputs: [String; 2],
}

/// The result of a comparison.
pub struct Comparison {
    /// The number of cases that were compared.
    pub total: usize,
    /// Cases for which the outputs differ.
    pub differences: Vec<Difference>,
    /// The number of cases that differed at first, and were equal when run again without other load.
    pub calmed: usize,
    /// The numbers of queries to the name servers of both sides, if they are counted.
    pub asked: [usize; 2],
}

/// Compares each case in a separate process.
pub fn compare(file: &CaseFile, sides: &[Side; 2]) -> Comparison {
    let worlds = Worlds::start(file, sides);
    let scenes: Vec<Scene> = file.sections.iter().map(Scene::new).collect();
    let all: Vec<(&Scene, &str)> =
        scenes.iter().flat_map(|scene| scene.section.cases.iter().map(move |case| (scene, case.as_str()))).collect();
    let both = |cases: &[(&Scene, &str)], workers: usize| {
        in_parallel(cases.len() * 2, workers, |index| {
            let (scene, case) = cases[index / 2];
            let side = &sides[index % 2];
            scene.run(side, worlds.of(scene, side), case)
        })
    };
    let unequal = |cases: &[(&Scene, &str)], outputs: &[String]| -> Vec<usize> {
        (0..cases.len()).filter(|index| outputs[index * 2] != outputs[index * 2 + 1]).collect()
    };

    let workers = if file.sections.iter().any(|section| section.setup.silent) { 48 } else { 8 };
    let outputs = both(&all, workers);
    // On a busy machine, a server may appear not to respond. Therefore, cases that differ are run again.
    let suspects: Vec<_> = unequal(&all, &outputs).into_iter().map(|index| all[index]).collect();
    let outputs = both(&suspects, workers / 4);
    let differing = unequal(&suspects, &outputs);
    let differences = differing.iter().map(|&index| {
        let (scene, case) = suspects[index];
        scene.difference(case, [outputs[index * 2].clone(), outputs[index * 2 + 1].clone()])
    });
    Comparison {
        total: all.len(),
        calmed: suspects.len() - differing.len(),
        differences: differences.collect(),
        asked: [0, 0],
    }
}

/// Runs all cases of a section one after the other in one process, and compares the outputs and the queries to the name
/// servers. A section that differs is run again, since a pause of the machine also changes the results of bare glibc.
pub fn compare_in_one_process(file: &CaseFile, sides: &[Side; 2]) -> Comparison {
    let worlds = Worlds::start(file, sides);
    let mut comparison = Comparison { total: 0, differences: Vec::new(), calmed: 0, asked: [0, 0] };
    for section in file.sections.iter().filter(|section| !section.setup.silent && !section.setup.alone) {
        let scene = Scene::new(section);
        let cases: Vec<&str> = section.cases.iter().map(String::as_str).filter(|case| shares_a_process(case)).collect();
        let (mut differences, mut asked) = scene.differences_in_one_process(&cases, sides, &worlds);
        if !differences.is_empty() {
            let before = differences.len();
            (differences, asked) = scene.differences_in_one_process(&cases, sides, &worlds);
            comparison.calmed += before.saturating_sub(differences.len());
        }
        comparison.total += cases.len();
        comparison.asked = [comparison.asked[0] + asked[0], comparison.asked[1] + asked[1]];
        comparison.differences.extend(differences);
    }
    comparison
}

/// Runs all cases of a section one after the other in one process, with libc first. Results that are found with this
/// nscd must be returned, otherwise those that bare glibc finds without it, and otherwise the failure with nscd.
pub fn compare_libc_first(file: &CaseFile, library: &Path, rules: &'static str, nscd: Nscd) -> Comparison {
    let sides = [Side::bare().beside(nscd), Side::bare(), Side::with(library, Some(rules)).beside(nscd)];
    let worlds = Worlds::start(file, &sides);
    let mut comparison = Comparison { total: 0, differences: Vec::new(), calmed: 0, asked: [0, 0] };
    for section in file.sections.iter().filter(|section| !section.setup.silent && !section.setup.alone) {
        let scene = Scene::new(section);
        let cases: Vec<&str> = section.cases.iter().map(String::as_str).filter(|case| shares_a_process(case)).collect();
        let lines = cases.join("\n");
        let outputs = sides.each_ref().map(|side| split_by_case(&scene.run(side, worlds.of(&scene, side), &lines)));
        comparison.total += cases.len();
        for (index, case) in cases.iter().enumerate() {
            let [by_nscd, bare, found] =
                outputs.each_ref().map(|blocks| blocks.get(index).cloned().unwrap_or_default());
            if !is_second_opinion(case, &by_nscd, &bare, &found) {
                let expected = format!(" with nscd:\n{by_nscd}\n  without it:\n{bare}");
                comparison.differences.push(scene.difference(case, [expected, found]));
            }
        }
    }
    comparison
}

/// Whether each result of a case is the one with nscd if that is found, otherwise the one of bare glibc if that is
/// found, and otherwise the one with nscd.
fn is_second_opinion(case: &str, by_nscd: &str, bare: &str, found: &str) -> bool {
    // getnameinfo returns numbers if it finds no name.
    let asked = case.split([' ', '/']).nth(1).unwrap_or_default();
    let host = |result: &str| result.strip_prefix("0 host=\"")?.split(['"', '%']).next().map(str::to_owned);
    let is_answer = |result: &str| is_answer(result) && host(result).is_none_or(|host| host != asked);
    let [by_nscd, bare, found] = [by_nscd, bare, found].map(|text| text.split("\n  => ").collect::<Vec<_>>());
    by_nscd.len() == bare.len()
        && bare.len() == found.len()
        && found.iter().zip(by_nscd.iter().zip(bare)).all(|(found, (by_nscd, bare))| {
            let is_buffer_short = |text: &str| text.contains("rc=34 ");
            match *by_nscd {
                by_nscd if is_answer(by_nscd) || is_buffer_short(by_nscd) => *found == by_nscd,
                // Services are resolved by nscd.
                by_nscd if by_nscd.starts_with("0 host=") && bare.starts_with("0 host=") => {
                    let host = |text: &str| text.split(" service=").next().unwrap_or_default().to_owned();
                    let service = |text: &str| text.split(" service=").nth(1).unwrap_or_default().to_owned();
                    host(found) == host(bare) && service(found) == service(by_nscd)
                }
                by_nscd if is_answer(bare) => *found == bare || by_nscd == *found && by_nscd == bare,
                by_nscd => *found == by_nscd || is_buffer_short(bare) && *found == bare,
            }
        })
}

/// Whether a result of the probe has a name or addresses, or a name that is too long. The text before the first result
/// has none.
fn is_answer(result: &str) -> bool {
    ["0 ", "0\n", "found ", "rc=0 name=", "EAI_OVERFLOW"].iter().any(|start| result.starts_with(start)) || result == "0"
}

/// Whether this is a message of glibc about a line of host.conf or a variable (resolv/res_hconf.c), which it also reads
/// with the library when it initialises `_res`.
fn is_of_host_conf(line: &str) -> bool {
    let faults =
        ["expected `on' or `off'", "bad command `", "ignoring trailing garbage `", "list delimiter not followed"];
    line.contains(": line ") && faults.iter().any(|fault| line.contains(fault))
}

/// glibc repeats queries if a buffer was too small, so that their number is not compared.
fn distinct(questions: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for question in questions {
        if !distinct.contains(question) {
            distinct.push(question.clone());
        }
    }
    distinct
}

/// The output of the probe for a case is an unindented line with the case, followed by indented lines.
fn split_by_case(output: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in output.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => {
                block.push('\n');
                block.push_str(line);
            }
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

/// A section with its /etc, which is removed on drop.
struct Scene<'a> {
    section: &'a Section,
    etc: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(section: &'a Section) -> Self {
        Self { section, etc: section.setup.etc() }
    }

    /// Returns the output of the probe for these lines.
    fn run(&self, side: &Side, world: &World, lines: &str) -> String {
        if lines.contains("put ") || lines.contains("directory ") {
            let own = self.section.setup.etc();
            let output = self.run_in(side, world, lines, &own);
            let _ = fs::remove_dir_all(own);
            return output;
        }
        self.run_in(side, world, lines, &self.etc)
    }

    fn run_in(&self, side: &Side, world: &World, lines: &str, etc: &Path) -> String {
        let mut command = side.probe(world, &self.section.setup, etc);
        let mut probe = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the probe cannot be started in its world: {error}"));
        let mut input = probe.stdin.take().expect("a pipe");
        thread::scope(|scope| {
            // A probe that has ended does not read its input, which is visible in the output.
            scope.spawn(move || drop(input.write_all(lines.as_bytes())));
            let output = probe.wait_with_output().expect("the probe's end");
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            // The library must never print anything.
            let complaints = String::from_utf8_lossy(&output.stderr);
            for line in complaints.lines().filter(|line| !side.is_reference() && !is_of_host_conf(line)) {
                text += &format!("  standard error: {line}\n");
            }
            if !output.status.success() {
                text += &format!("  ended with {}\n", output.status);
            }
            text
        })
    }

    /// The differences if all these cases are run in one process, and the numbers of queries.
    fn differences_in_one_process(
        &self,
        cases: &[&str],
        sides: &[Side; 2],
        worlds: &Worlds,
    ) -> (Vec<Difference>, [usize; 2]) {
        let [left, right] = sides.each_ref().map(|side| {
            let world = worlds.of(self, side);
            let before = world.questions().len();
            let output = self.run(side, world, &cases.join("\n"));
            let questions = &world.questions()[before..];
            (split_by_case(&output), distinct(questions), questions.len())
        });
        let mut differences = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let outputs = [&left, &right].map(|(blocks, ..)| blocks.get(index).cloned().unwrap_or_default());
            if outputs[0] != outputs[1] {
                differences.push(self.difference(case, outputs));
            }
        }
        for question in left.1.iter().filter(|question| !right.1.contains(question)) {
            differences.push(self.difference("questions", [format!(" {question}"), " not asked".to_owned()]));
        }
        for question in right.1.iter().filter(|question| !left.1.contains(question)) {
            differences.push(self.difference("questions", [" not asked".to_owned(), format!(" {question}")]));
        }
        (differences, [left.2, right.2])
    }

    fn difference(&self, case: &str, outputs: [String; 2]) -> Difference {
        Difference {
            section: self.section.title.clone(),
            setup: self.section.setup.describe(),
            case: case.to_owned(),
            outputs,
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.etc);
    }
}

/// A world for each combination of addresses and nscd that the cases of a file need.
struct Worlds(HashMap<(Vec<String>, Nscd), World>);

impl Worlds {
    fn start(file: &CaseFile, sides: &[Side]) -> Self {
        let mut worlds = HashMap::new();
        for section in &file.sections {
            for side in sides {
                let addresses = &section.setup.addresses;
                let key = (addresses.clone(), side.nscd);
                worlds.entry(key).or_insert_with(|| World::start(addresses, side.nscd));
            }
        }
        Self(worlds)
    }

    fn of(&self, scene: &Scene, side: &Side) -> &World {
        &self.0[&(scene.section.setup.addresses.clone(), side.nscd)]
    }
}

/// The results of `work` for 0..count, in order, computed by this number of threads.
fn in_parallel(count: usize, workers: usize, work: impl Fn(usize) -> String + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![String::new(); count]);
    thread::scope(|scope| {
        for _ in 0..workers.clamp(1, count.max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = result;
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
