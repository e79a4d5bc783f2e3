//! Case files, and the set-ups that they define.
//!
//! ```text
//! # a comment
//! [a search list of two]                          a section, which starts with the default set-up
//! set resolv.conf nameserver 127.0.0.53           a line of a file in /etc; the first one replaces the default file
//! set without host.conf                           the file does not exist
//! set directory resolv.conf                       a directory instead of the file
//! set env RES_OPTIONS=ndots:2                     an environment variable
//! set addresses 192.0.2.200/24 fe80::1/64         addresses of the interface, instead of the two default ones; or none
//! set module                                      the module fakeno for nsswitch.conf (programs/nss_module.c) exists
//! set silent                                      servers do not respond; the cases are slow
//! set alone                                       each case is run in a separate process
//! set limit 5                                     the time limit for a process, in seconds
//! gai {ok,nx}_ok.t.example - 0 {0,4,6} 1          cases for programs/probe.c, with braces as in a shell: six cases
//! gai first{0..99}_ok.t.example - 0 4 1           a hundred cases
//! gai <a*64>.t.example - 0 0 1                    64 times "a"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::artefacts::{home, nss_module, scratch};
use crate::world::unique;

/// A case file.
pub struct CaseFile {
    /// The name without the directory.
    pub name: String,
    /// The sections.
    pub sections: Vec<Section>,
}

/// Cases with one set-up.
pub struct Section {
    /// A description of the set-up.
    pub title: String,
    /// Lines for the probe.
    pub cases: Vec<String>,
    /// The set-up.
    pub setup: Setup,
}

/// The environment of a process.
#[derive(Clone)]
pub struct Setup {
    /// The addresses of the interface, with prefix lengths.
    pub addresses: Vec<String>,
    /// All environment variables.
    pub environment: BTreeMap<String, String>,
    /// Whether name servers do not respond.
    pub silent: bool,
    /// Whether each case needs a separate process.
    pub alone: bool,
    /// The time limit for a process, in seconds.
    pub limit: u32,
    /// Files in /etc that differ from those in `etc/`; None if the file does not exist.
    files: BTreeMap<String, Option<Vec<u8>>>,
    /// Directories instead of files.
    directories: Vec<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            addresses: ["192.0.2.200/24", "2001:db8::200/64"].map(str::to_owned).to_vec(),
            environment: BTreeMap::new(),
            silent: false,
            alone: false,
            limit: 20,
            files: BTreeMap::new(),
            directories: Vec::new(),
        }
    }
}

impl CaseFile {
    /// Reads `cases/NAME`.
    pub fn read(name: &str) -> Self {
        let path = home().join("cases").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        Self::parse(name, &text)
    }

    /// Parses the text of such a file.
    pub fn parse(name: &str, text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                sections.push(Section { title: title.to_owned(), cases: Vec::new(), setup: Setup::default() });
                continue;
            }
            let section =
                sections.last_mut().unwrap_or_else(|| panic!("{name}:{}: a section is required first", number + 1));
            if line == "set" || line.starts_with("set ") {
                assert!(section.setup.change(line), "{name}:{}: unknown setting: {line}", number + 1);
            } else {
                section.cases.extend(expand(line));
            }
        }
        Self { name: name.to_owned(), sections }
    }

    /// One case in `step` of each section.
    pub fn sample(mut self, step: usize) -> Self {
        for section in &mut self.sections {
            section.cases = section.cases.iter().step_by(step).cloned().collect();
        }
        self
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|section| section.cases.len()).sum()
    }

    /// Whether there are no cases.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Setup {
    /// Applies a "set" line.
    fn change(&mut self, line: &str) -> bool {
        let mut words = line.splitn(3, ' ').skip(1);
        let (Some(what), value) = (words.next(), words.next().unwrap_or_default()) else { return false };
        match what {
            "addresses" => {
                self.addresses = value.split_whitespace().filter(|word| *word != "none").map(str::to_owned).collect();
            }
            "env" => {
                let Some((name, value)) = value.split_once('=') else { return false };
                let value = String::from_utf8(decoded(value)).expect("UTF-8");
                self.environment.insert(name.to_owned(), value);
            }
            "module" => {
                let directory = nss_module().display().to_string();
                self.environment.insert("LD_LIBRARY_PATH".to_owned(), directory);
            }
            "silent" => self.silent = true,
            "alone" => self.alone = true,
            "limit" => self.limit = value.parse().expect("a number of seconds"),
            "without" => drop(self.files.insert(value.to_owned(), None)),
            "directory" => {
                self.files.insert(value.to_owned(), None);
                self.directories.push(value.to_owned());
            }
            file if file.contains('.') || file == "hosts" || file == "services" || file == "aliases" => {
                let content = self.files.entry(file.to_owned()).or_default().get_or_insert_default();
                if !value.is_empty() {
                    content.extend(decoded(&repeated(value)));
                    content.push(b'\n');
                }
            }
            _ => return false,
        }
        true
    }

    /// Creates a directory for the /etc of this set-up.
    pub fn etc(&self) -> PathBuf {
        let directory = unique(&scratch("etc"));
        let copied = |name: &Path| fs::copy(name, directory.join(name.file_name().expect("a file")));
        for entry in fs::read_dir(home().join("etc")).expect("the directory etc") {
            copied(&entry.expect("an entry of etc").path()).expect("a copy of a file");
        }
        for (name, content) in &self.files {
            let path = directory.join(name);
            match content {
                Some(bytes) => fs::write(path, bytes).expect("a writable file"),
                None => fs::remove_file(path).unwrap_or_default(),
            }
        }
        for name in &self.directories {
            fs::create_dir(directory.join(name)).expect("a directory instead of a file");
        }
        directory
    }

    /// The differences from the default set-up, for messages.
    pub fn describe(&self) -> String {
        let plain = Self::default();
        let mut parts = Vec::new();
        if self.addresses != plain.addresses {
            parts.push(format!("addresses: {:?}", self.addresses));
        }
        parts.extend(self.environment.iter().map(|(name, value)| format!("{name}={value:?}")));
        for (name, content) in &self.files {
            let text =
                content.as_ref().map_or("none".to_owned(), |bytes| format!("{:?}", String::from_utf8_lossy(bytes)));
            parts.push(format!("{name}: {}", text.chars().take(300).collect::<String>()));
        }
        parts.extend(self.directories.iter().map(|name| format!("{name} is a directory")));
        if parts.is_empty() { "plain".to_owned() } else { parts.join("; ") }
    }
}

/// Whether a case can be run in the same process as others: it is a single lookup, and changes nothing.
pub fn shares_a_process(case: &str) -> bool {
    !case.contains(" ; ")
}

/// Expands braces as in a shell, then repetitions.
pub fn expand(line: &str) -> Vec<String> {
    let Some((before, rest)) = line.split_once('{') else { return vec![repeated(line)] };
    let (choices, after) = rest.split_once('}').unwrap_or_else(|| panic!("a brace is not closed: {line}"));
    let range = choices.split_once("..").and_then(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse().ok()?)));
    let choices: Vec<String> = match range {
        Some((from, to)) => (from..=to).map(|number| number.to_string()).collect(),
        None => choices.split(',').map(str::to_owned).collect(),
    };
    choices.iter().flat_map(|choice| expand(&format!("{before}{choice}{after}"))).collect()
}

/// `<a*3>` is `aaa`.
fn repeated(line: &str) -> String {
    let Some((before, rest)) = line.split_once('<') else { return line.to_owned() };
    let parts = rest.split_once('>').and_then(|(inside, after)| Some((inside.rsplit_once('*')?, after)));
    let Some(((text, times), after)) = parts else { return line.to_owned() };
    let times: usize = times.parse().unwrap_or_else(|_| panic!("not a number of repetitions: {line}"));
    format!("{before}{}{}", text.repeat(times), repeated(after))
}

/// `%41` is `A`.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_and_repetitions_are_expanded() {
        assert_eq!(expand("gai {a,b}_{c,} x"), ["gai a_c x", "gai a_ x", "gai b_c x", "gai b_ x"]);
        assert_eq!(expand("x{8..10}"), ["x8", "x9", "x10"]);
        assert_eq!(expand("<ab*3>.<c*2>"), ["ababab.cc"]);
        assert_eq!(decoded("a%20b%4"), b"a b%4");
    }

    #[test]
    fn the_first_line_replaces_a_file_and_further_lines_are_appended() {
        let file =
            CaseFile::parse("x", "[s]\nset hosts a%09b\nset hosts c\nset without gai.conf\nset addresses none\nghbn x");
        let [section] = &file.sections[..] else { panic!("one section") };
        assert_eq!(section.setup.files["hosts"].as_deref(), Some(&b"a\tb\nc\n"[..]));
        assert_eq!(section.setup.files["gai.conf"], None);
        assert!(section.setup.addresses.is_empty());
        assert_eq!(section.cases, ["ghbn x"]);
    }
}
