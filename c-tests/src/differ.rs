//! Runs cases on two sides, and finds where these print different things.

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

/// Every name and every address.
pub const EVERYTHING: &str = "*, 0.0.0.0/0, ::/0";

/// How the probe is run: what listens on nscd's socket, which library is loaded, which rules it finds.
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
    /// Bare glibc, without any nscd.
    pub fn bare() -> Self {
        Self { nscd: Nscd::None, library: None, rules: None, configuration: None, res_options: None }
    }

    /// Bare glibc beside an nscd that lies.
    pub fn bare_beside_nscd() -> Self {
        Self { nscd: Nscd::Lying, ..Self::bare() }
    }

    /// The same beside another nscd.
    pub fn beside(self, nscd: Nscd) -> Self {
        Self { nscd, ..self }
    }

    /// The library, beside an nscd that lies.
    pub fn with(library: &Path, rules: Option<&'static str>) -> Self {
        Self { nscd: Nscd::Lying, library: Some(library.to_path_buf()), rules, ..Self::bare() }
    }

    /// The same with a configuration file of its own.
    pub fn configured(self, file: &Path) -> Self {
        Self { configuration: Some(file.to_path_buf()), ..self }
    }

    /// The same with these options of resolv.conf, and no others from the environment.
    pub fn with_options(self, options: &'static str) -> Self {
        Self { res_options: Some(options), ..self }
    }

    fn is_reference(&self) -> bool {
        self.library.is_none() && self.nscd == Nscd::None
    }

    /// The probe, with this side's library and rules, in a world.
    pub fn probe(&self, world: &World, setup: &Setup, etc: &Path) -> Command {
        self.configure(world.command(&program("probe"), etc), setup)
    }

    /// The same for any command of `world`.
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

/// One place where two sides are not equal.
pub struct Difference {
    /// The section's title.
    pub section: String,
    /// Its set-up, for people.
    pub setup: String,
    /// What was looked up.
    pub case: String,
    /// What the left side, the right one, printed.
    pub outputs: [String; 2],
}

/// What a comparison found.
pub struct Comparison {
    /// How many cases were compared.
    pub total: usize,
    /// Cases of which the sides print different things.
    pub differences: Vec<Difference>,
    /// Cases that differed at first, and were equal when run again with the machine at rest.
    pub calmed: usize,
    /// How many questions the sides' name servers got, where that is counted.
    pub asked: [usize; 2],
}

/// Every case in a process of its own.
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
    // A busy machine can make a server look silent: what differs has a second chance.
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

/// All cases of a section one after the other in one process, with what they print and what name servers are asked. A
/// section that differs is run once more, since a machine that stands still for a moment changes what bare glibc says too.
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

/// All cases of a section one after the other in one process, where libc is asked first: beside this nscd, what it finds is
/// its own, and everything else is what bare glibc finds without it; what neither finds is as nscd has it.
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
                let expected = format!(" beside nscd:\n{by_nscd}\n  without it:\n{bare}");
                comparison.differences.push(scene.difference(case, [expected, found]));
            }
        }
    }
    comparison
}

/// Whether each result of a case is nscd's if it found something, else that of bare glibc if this did, else nscd's.
fn is_second_opinion(case: &str, by_nscd: &str, bare: &str, found: &str) -> bool {
    // getnameinfo writes numbers where it finds no name.
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
                // What is wanted of services is nscd's.
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

/// Whether a result of the probe has a name or addresses, if only too long a one; what is before the first result has none.
fn is_answer(result: &str) -> bool {
    ["0 ", "0\n", "found ", "rc=0 name=", "EAI_OVERFLOW"].iter().any(|start| result.starts_with(start)) || result == "0"
}

/// Whether glibc says this of a line of host.conf or of a variable (resolv/res_hconf.c), which it reads under the library
/// too, when it fills `_res` in.
fn is_of_host_conf(line: &str) -> bool {
    let faults =
        ["expected `on' or `off'", "bad command `", "ignoring trailing garbage `", "list delimiter not followed"];
    line.contains(": line ") && faults.iter().any(|fault| line.contains(fault))
}

/// glibc asks again when a buffer was too small, so how often is not compared.
fn distinct(questions: &[String]) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for question in questions {
        if !distinct.contains(question) {
            distinct.push(question.clone());
        }
    }
    distinct
}

/// The probe's output begins with the case at the start of a line, and goes on with indented ones.
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

/// A section with its /etc, which goes when this is dropped.
struct Scene<'a> {
    section: &'a Section,
    etc: PathBuf,
}

impl<'a> Scene<'a> {
    fn new(section: &'a Section) -> Self {
        Self { section, etc: section.setup.etc() }
    }

    /// What the probe prints for these lines.
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
            .unwrap_or_else(|error| panic!("the probe does not start in its world: {error}"));
        let mut input = probe.stdin.take().expect("a pipe");
        thread::scope(|scope| {
            // A probe that died reads nothing, which its output will show.
            scope.spawn(move || drop(input.write_all(lines.as_bytes())));
            let output = probe.wait_with_output().expect("the probe's end");
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            // The library is to say nothing, ever.
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

    /// Where the sides differ when one process has all these cases, and how much each asks.
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

/// One world for each set of addresses and each kind of nscd that a file's cases need.
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

/// The results of `work` for 0..count, in order, by that many workers.
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
