//! The documents are true: links lead somewhere, paths exist, words of the configuration and of the command line are
//! those of the code, transcripts and pictures show what is seen, and figures are those of the code (`figures`).
//!
//! A transcript is replayed in the container of `scripts/scene` if a comment stands above it:
//!
//! ```text
//! <!-- in the scene -->
//! <!-- in the scene, after: COMMANDS -->       what is done before, out of sight
//! ```

mod figures;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use c_tests::{artefacts, container};

/// Directories whose paths are named from the top.
const DIRECTORIES: [&str; 6] = ["scripts/", "docs/", "src/", "c-tests/", "deploy/", "fuzz/"];

fn top() -> PathBuf {
    artefacts::home().join("..").canonicalize().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below a directory that a test of their name accepts, with what they hold. Nothing that is built.
fn files(directory: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let is_directory = entry.file_type().unwrap().is_dir();
        if is_directory && !["target", ".git", "seeds", "corpus", "artifacts"].contains(&name.as_str()) {
            found.extend(files(&path, wanted));
        } else if !is_directory && wanted(&name) {
            found.extend(fs::read_to_string(&path).ok().map(|text| (path, text)));
        }
    }
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    files(&top(), &|name| name.ends_with(".md"))
}

/// A text without its blocks of code.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let outside = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    outside.map(|line| format!("{line}\n")).collect()
}

/// The words between single backticks.
fn code_spans(prose: &str) -> Vec<&str> {
    prose.split('`').skip(1).step_by(2).collect()
}

/// Where links lead that are not to the web.
fn links(prose: &str) -> Vec<&str> {
    let ends = prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    ends.filter(|link| !link.contains("://")).collect()
}

/// The anchors of a document, as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect()
    };
    headings.map(|heading| slug(heading).replace(' ', "-")).collect()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for (path, text) in documents() {
        for link in links(&prose(&text)) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has_anchor =
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).iter().any(|one| one == anchor));
            if !target.exists() || (!anchor.is_empty() && !has_anchor()) {
                faults.push(format!("{}: {link}", path.display()));
            }
        }
    }
    none(&faults);
}

#[test]
fn the_readme_leads_to_every_document() {
    let readme = prose(&read("README.md"));
    let linked: BTreeSet<PathBuf> =
        links(&readme).iter().filter_map(|link| top().join(link).canonicalize().ok()).collect();
    let here = files(&top().join("docs"), &|name| name.ends_with(".md") && name != "SUMMARY.md");
    let missing: Vec<_> = here.iter().map(|(path, _)| path).filter(|path| !linked.contains(*path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_contents_of_the_site_name_every_document_once() {
    let contents = top().join("docs/SUMMARY.md");
    let text = prose(&fs::read_to_string(&contents).unwrap());
    let listed = links(&text).into_iter().map(|link| top().join("docs").join(link).canonicalize().expect(link));
    let mut listed: Vec<PathBuf> = listed.collect();
    let mut here: Vec<PathBuf> =
        documents().into_iter().map(|(path, _)| path).filter(|path| *path != contents).collect();
    listed.sort_unstable();
    here.sort_unstable();
    assert_eq!(listed, here);
}

/// The paths from the top that a text names.
fn paths(text: &str) -> Vec<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
    let words = text.split(|letter| !is_part(letter)).map(|word| word.trim_end_matches(['.', '-']));
    words
        .filter(|word| DIRECTORIES.iter().any(|directory| word.starts_with(directory) && word.len() > directory.len()))
        .collect()
}

#[test]
fn paths_exist() {
    let mut faults = Vec::new();
    for (path, text) in documents() {
        for named in paths(&text) {
            if !top().join(named).exists() && !path.parent().unwrap().join(named).exists() {
                faults.push(format!("{}: {named}", path.display()));
            }
        }
    }
    none(&faults);
}

/// In sources too: `FILE.md`, `FILE.md, section 5`, `FILE.md, "A heading"`.
#[test]
fn documents_that_are_named_have_what_they_are_named_for() {
    let mut texts = documents();
    for directory in ["src", "c-tests", "scripts", "fuzz"] {
        texts.extend(files(&top().join(directory), &|name| !name.ends_with(".md")));
    }
    // These tests name some that are none, and headings are not what stands behind their names.
    texts.retain(|(path, _)| !path.starts_with(top().join("c-tests/tests/documents")));
    let mut faults = Vec::new();
    for (path, text) in texts {
        let text = text.replace(['\n', '`'], " ");
        for (at, _) in text.match_indices(".md") {
            let before = text[..at].rsplit(|letter: char| !letter.is_ascii_alphanumeric() && !"_-./".contains(letter));
            let name = format!("{}.md", before.into_iter().next().unwrap());
            let named =
                [top(), top().join("docs"), path.parent().unwrap().to_owned()].map(|directory| directory.join(&name));
            // "*.md", "NAME.md" and the like are no names.
            if name.starts_with('.') || name.len() < 6 || name.contains("//") {
                continue;
            }
            let Some(file) = named.iter().find(|file| file.exists()) else {
                faults.push(format!("{}: {name}", path.display()));
                continue;
            };
            let target = fs::read_to_string(file).unwrap();
            let rest = text[at + 3..].trim_start_matches([',', ' ']);
            let number = rest.strip_prefix("section ").map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()));
            let has_number = number
                .and_then(|mut parts| parts.next())
                .is_none_or(|number| target.contains(&format!("\n## {number}. ")));
            let title = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(title, _)| title);
            let is_title = |line: &str, title: &str| line.starts_with(['#', '*']) && line.contains(title);
            let has_title = title.is_none_or(|title| target.lines().any(|line| is_title(line, title)));
            if !has_number || !has_title {
                faults.push(format!("{}: {name}, {}", path.display(), rest.chars().take(30).collect::<String>()));
            }
        }
    }
    none(&faults);
}

/// The strings of a list of the code that begins like this.
fn words_of(source: &str, beginning: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(beginning).unwrap_or_else(|| panic!("{beginning}"));
    let (_, list) = rest.split_once("= [").expect("a list");
    list.split(']').next().unwrap().split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the first table below a heading: their cells.
fn table<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, rest) = text.split_once(&format!("{heading}\n\n")).unwrap_or_else(|| panic!("{heading}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &'a str| row.trim_matches('|').split(" | ").map(str::trim).collect();
    rows.skip(2).map(cells).collect()
}

/// The first word of the first piece of code in each row.
fn first_words(rows: &[Vec<&str>]) -> BTreeSet<String> {
    let first = |row: &Vec<&str>| code_spans(row[0])[0].split(' ').next().unwrap().to_owned();
    rows.iter().map(first).collect()
}

fn keywords() -> BTreeSet<String> {
    words_of(&read("src/core/rules/config.rs"), "const KEYWORDS")
}

/// The table of options: the name and the usage of each.
fn options() -> Vec<(String, String)> {
    let table = read("src/core/rules/options.rs");
    let row = |line: &str| {
        let row = line.trim_start();
        let row = row.strip_prefix("value(").or_else(|| row.strip_prefix("values("))?;
        let mut texts = row.split('"').skip(1).step_by(2).map(str::to_owned);
        Some((texts.next()?, texts.next()?))
    };
    let rows: Vec<_> = table.lines().filter_map(row).collect();
    assert!(rows.len() > 5, "the table of options is not where it was");
    rows
}

fn option_names() -> BTreeSet<String> {
    options().into_iter().map(|(name, _)| name).collect()
}

/// `1..=30` as people write it.
fn range(source: &str, constant: &str) -> String {
    let (_, rest) = source.split_once(&format!("const {constant}: ")).unwrap();
    let (_, value) = rest.split_once("= ").unwrap_or_else(|| panic!("{constant}"));
    value.split(';').next().unwrap().rsplit("= ").next().unwrap().replace("..=", " to ").replace('_', "")
}

#[test]
fn the_configuration_is_the_codes() {
    let (source, text) = (read("src/core/rules/options.rs"), read("docs/configuration.md"));
    assert_eq!(first_words(&table(&text, "## The file")), keywords());
    let documented = table(&text, "## Options");
    let usages: Vec<String> = documented.iter().map(|row| row[0].replace(['`', '\\'], "")).collect();
    assert_eq!(usages, options().into_iter().map(|(_, usage)| usage).collect::<Vec<_>>());
    for (option, constant) in [("timeout", "TIMEOUTS"), ("attempts", "ATTEMPTS"), ("max-ttl", "MAX_TTLS")] {
        let row = documented.iter().find(|row| row[0].starts_with(&format!("`{option} "))).unwrap();
        let limit = range(&source, constant);
        assert!(row[1].contains(&limit), "{option}: {limit}, not {}", row[1]);
    }
    for (what, limit) in [
        ("servers of a rule", range(&source, "MAX_SERVERS")),
        ("`timeout`", range(&source, "TIMEOUTS")),
        ("`max-ttl`", range(&source, "MAX_TTLS")),
        ("a name", range(&read("src/core/rules/pattern.rs"), "MAX_NAME")),
    ] {
        let limits = table(&text, "## Limits");
        let row = limits.iter().find(|row| row[0].starts_with(what)).unwrap_or_else(|| panic!("{what}"));
        assert!(row[1].starts_with(&limit), "{what}: {limit}, not {}", row[1]);
    }
    let settings = read("src/core/settings/mod.rs");
    let read_there = settings.split("c\"NSS_BYPASS").skip(1).map(|rest| rest.split('"').next().unwrap());
    let variables: BTreeSet<String> = read_there.map(|rest| format!("NSS_BYPASS{rest}")).collect();
    assert_eq!(first_words(&table(&text, "## Variables")), variables);
    let security = read("SECURITY.md");
    let missing: Vec<_> =
        variables.iter().filter(|variable| !code_spans(&security).contains(&variable.as_str())).collect();
    assert!(missing.is_empty(), "SECURITY.md does not say when {missing:?} are read");
}

/// The example that the packages bring has every keyword and option, all off; with all of it on it has no fault either.
#[test]
fn the_example_configuration_has_all_and_is_sound() {
    let off = read("deploy/nss-bypass.conf.example");
    assert!(off.lines().all(|line| line.is_empty() || line.starts_with('#')));
    let rules: Vec<&str> = off
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.starts_with(char::is_alphabetic))
        .collect();
    for word in keywords().union(&option_names()) {
        assert!(rules.iter().any(|rule| rule.split(' ').any(|there| there == word)), "{word}");
    }
    // The file of `hosts` is the reader's to write.
    let hosts = artefacts::scratch("example").join("hosts");
    fs::write(&hosts, "").unwrap();
    let on = rules.join("\n").replace("/etc/hosts.lab", hosts.to_str().unwrap()) + "\n";
    for (name, text, said) in [("off", off.as_str(), "0 rules"), ("on", on.as_str(), "0 faults, 0 warnings")] {
        let path = hosts.with_file_name(name);
        fs::write(&path, text).unwrap();
        let output = Command::new(artefacts::command()).args(["check", "--strict"]).arg(&path).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && printed.contains(said), "{name}: {printed}");
    }
}

/// The names in a directory of the tests, without what only others include.
fn names_in(directory: &str, wanted: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let directory = top().join(directory);
    let found = files(&directory, wanted);
    found.iter().map(|(path, _)| path.strip_prefix(&directory).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn the_table_of_the_tests_has_every_suite_program_and_case() {
    let text = read("c-tests/README.md");
    let rows = table(&text, "## Which suite proves what with which programs");
    let listed = |cell: usize| rows.iter().flat_map(move |row| code_spans(row[cell])).map(str::to_owned);
    // A script stands among them, with what only it runs.
    let suites: BTreeSet<String> = listed(0).filter(|name| !name.contains('/')).collect();
    let entries = fs::read_dir(top().join("c-tests/tests")).unwrap().map(Result::unwrap);
    assert_eq!(suites, entries.map(|entry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned()).collect());
    let command = read("scripts/test");
    let run: BTreeSet<&str> =
        command.lines().filter(|line| line.starts_with("suite ")).flat_map(str::split_whitespace).collect();
    let forgotten: Vec<_> = suites.iter().filter(|suite| !run.contains(suite.as_str())).collect();
    assert!(forgotten.is_empty(), "scripts/test does not run {forgotten:?}");
    let programs: BTreeSet<String> = listed(1).collect();
    let mut there = names_in("c-tests/programs", &|name| !name.ends_with(".h"));
    there.append(&mut names_in("c-tests/cases", &|_| true));
    assert_eq!(programs, there);
}

/// Words in capitals that begin like our variables.
fn variables(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
    words.filter(|word| word.starts_with("NSS_BYPASS")).collect()
}

#[test]
fn variables_are_those_of_the_code() {
    let mut sources = files(&top().join("src"), &|name| name.ends_with(".rs"));
    sources.extend(files(&top().join("scripts"), &|_| true));
    sources.extend(files(&top().join("c-tests/src"), &|_| true));
    let known: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| variables(text)).collect();
    let mut faults = Vec::new();
    for (path, text) in documents() {
        let unknown = variables(&text).into_iter().filter(|variable| !known.contains(variable));
        faults.extend(unknown.map(|variable| format!("{}: {variable}", path.display())));
    }
    none(&faults);
}

fn help(words: &[&str]) -> String {
    let output = Command::new(artefacts::command()).args(words).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs, from the command itself.
fn verbs() -> BTreeSet<String> {
    let help = help(&[]);
    let (_, rest) = help.split_once("\nCommands:\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    let indented = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    indented.filter_map(|line| line.split(' ').next()).filter(|verb| *verb != "help").map(str::to_owned).collect()
}

/// The options that every verb has.
const COMMON: [&str; 3] = ["--", "--help", "--color"];

/// The long options of a verb, from the command itself, but for those that every verb has.
fn long_options(verb: &str) -> BTreeSet<String> {
    let help = help(&[verb]);
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words =
        lines.flat_map(|line| line.split([' ', ',']).take_while(|word| word.is_empty() || word.starts_with('-')));
    words.filter(|word| word.starts_with("--") && !COMMON.contains(word)).map(str::to_owned).collect()
}

#[test]
fn the_commands_verbs_and_options_are_its_own() {
    let text = read("docs/command.md");
    let rows = table(&text, "# The command");
    assert!(text.contains("Each verb takes `--color auto|always|never`") && help(&[]).contains("--color"));
    assert_eq!(first_words(&rows), verbs());
    for row in &rows {
        let verb = code_spans(row[0])[0].split(' ').next().unwrap();
        let listed: BTreeSet<String> = code_spans(row[2]).into_iter().map(str::to_owned).collect();
        assert_eq!(listed, long_options(verb), "{verb}");
    }
    let mut faults = Vec::new();
    for (path, text) in documents() {
        for span in code_spans(&prose(&text)) {
            let mut words = span.split_whitespace();
            if words.next() != Some("nss-bypass") {
                continue;
            }
            let Some(verb) = words.next().filter(|word| !["--help", "--version", "VERB"].contains(word)) else {
                continue;
            };
            let known = if verbs().contains(verb) { long_options(verb) } else { BTreeSet::new() };
            let mut options = words.take_while(|word| *word != "--").filter(|word| word.starts_with("--"));
            if !verbs().contains(verb) || !options.all(|option| known.contains(option) || option == "--help") {
                faults.push(format!("{}: {span}", path.display()));
            }
        }
    }
    none(&faults);
}

/// A block of commands and what they print.
struct Transcript {
    before: String,
    text: String,
}

/// Those of a document that are to be replayed.
fn transcripts(text: &str) -> Vec<Transcript> {
    let marked = text.split("\n<!-- in the scene").skip(1);
    let parts = marked.map(|rest| {
        let (before, rest) = rest.split_once("-->\n```console\n").expect("a transcript below its comment");
        let before = before.trim().strip_prefix(", after: ").unwrap_or_default().to_owned();
        Transcript { before, text: rest.split_once("```").expect("its end").0.to_owned() }
    });
    parts.collect()
}

/// A text in which times, counts of seconds, process ids and the version of nscd are all the same.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut words = text.split_inclusive(|byte: char| byte.is_whitespace()).peekable();
    let mut before = "";
    while let Some(word) = words.next() {
        let next = words.peek().map_or("", |next| next.trim_end_matches(|end: char| !end.is_alphanumeric()));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let bare = word.trim_end_matches(|end: char| end.is_whitespace() || end == ',' || end == ':');
        let is_version = before == "nscd" && bare.starts_with(|first: char| first.is_ascii_digit());
        let is_of_the_moment = is_number(bare) && (before.ends_with("process") || matches!(next, "s" | "ms" | "us"));
        let varies = is_version || (!bare.is_empty() && is_of_the_moment);
        if varies {
            // Right-aligned, a shorter number has more blanks before it.
            let end = masked.trim_end_matches(' ').len();
            masked.truncate(masked.len().min(end + 1));
        }
        masked.push_str(&if varies { word.replacen(bare, "N", 1) } else { word.to_owned() });
        before = bare;
    }
    masked
}

/// What a terminal would show.
const TYPED: &str = r#"
typed() { local status=0; echo "\$ $1"; eval "$1" || status=$?; ((status == 0)) || echo "[exit status $status]"; }
"#;

#[test]
fn transcripts_show_what_is_seen() {
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, text) in documents() {
        for Transcript { before, text } in transcripts(&text) {
            count += 1;
            let quoted = |line: &str| format!("typed '{}'\n", line.replace('\'', r"'\''"));
            let commands: String = text.lines().filter_map(|line| line.strip_prefix("$ ")).map(quoted).collect();
            let seen = container::run_installed(&[], &format!("{TYPED}\n{before}\n{commands}"));
            if masked(&seen) != masked(&text) {
                faults.push(format!("{} says:\n{text}\nthis was seen:\n{seen}", path.display()));
            }
        }
    }
    assert!(count > 0, "no transcripts");
    none(&faults);
}

/// "One call of getaddrinfo" in ARCHITECTURE.md: each function is in the file that is named with it.
#[test]
fn the_functions_of_one_call_are_where_they_are_said_to_be() {
    let text = read("ARCHITECTURE.md");
    let (_, rest) = text.split_once("### One call of getaddrinfo\n").expect("the section");
    let section = rest.split("\n**").next().unwrap();
    let mut files = 0;
    // "`function` ([`file`](path)": the text before each link ends in the names of its functions.
    for (before, after) in section.match_indices("](src/").map(|(at, _)| section.split_at(at)) {
        let path = after.trim_start_matches("](").split(')').next().unwrap();
        let source = read(path);
        let Some((names, _)) = before.rsplit_once(" ([`") else { continue };
        let names = names.rsplit(['.', ':', '→', ',', '\n']).next().unwrap();
        for name in names.split('`').skip(1).step_by(2) {
            let is_there = [format!("fn {name}("), format!("fn {name}<")].iter().any(|text| source.contains(text));
            assert!(is_there, "{path} has no function {name}");
            files += 1;
        }
    }
    assert!(files >= 18, "only {files} functions were looked for");
}

/// The words that docs/terms.md has in the left column of its second table, in the prose of all documents but that one and
/// the log of what was changed.
#[test]
fn documents_use_none_of_the_words_that_the_terms_replace() {
    let terms = read("docs/terms.md");
    let rows = table(&terms, "## Words to avoid");
    let replaced: Vec<String> =
        rows.iter().flat_map(|row| row[0].split(';')).map(|word| format!(" {} ", word.trim())).collect();
    assert!(replaced.len() >= 8, "{replaced:?}");
    let mut faults = Vec::new();
    for (path, text) in documents() {
        if path.ends_with("docs/terms.md") || path.ends_with("CHANGELOG.md") {
            continue;
        }
        for line in prose(&text).lines() {
            let words: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
            let plain = |letter: char| if letter.is_alphanumeric() || letter == '\'' { letter } else { ' ' };
            let words = format!(" {} ", words.to_lowercase().chars().map(plain).collect::<String>());
            let found = replaced.iter().filter(|word| words.contains(word.as_str()));
            faults.extend(found.map(|word| format!("{}: \"{}\" in \"{line}\"", path.display(), word.trim())));
        }
    }
    none(&faults);
}

#[test]
fn the_picture_of_a_lookup_is_what_its_script_draws() {
    let drawn = Command::new(top().join("scripts/lookup-picture")).output().expect("bash runs");
    assert!(drawn.status.success(), "{drawn:?}");
    assert!(
        String::from_utf8_lossy(&drawn.stdout) == read("docs/lookup.svg"),
        "scripts/lookup-picture >docs/lookup.svg"
    );
}

/// The text of a picture: its rows, each without the tags in it.
fn drawn_text(picture: &str) -> String {
    let rows = picture.lines().filter(|line| line.starts_with("<text "));
    let text = |row: &str| row.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect::<String>();
    let plain = |text: String| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    rows.map(|row| plain(text(row)) + "\n").collect()
}

/// It is drawn from a session on a terminal, so only its text is compared: with that of the transcript, which is
/// replayed.
#[test]
fn the_picture_of_explain_shows_what_the_transcript_does() {
    const TYPED: &str = "$ nss-bypass explain rancher-metadata\n";
    let transcripts = transcripts(&read("docs/troubleshooting.md"));
    let shown = transcripts.iter().find_map(|transcript| transcript.text.split_once(TYPED)).expect("the transcript").1;
    let (shown, _) = shown.split_once("[exit status 1]\n").expect("the name is not found");
    let shown: String = shown.lines().filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
    let picture = read("docs/explain.svg");
    let drawn = drawn_text(&picture);
    assert_eq!(masked(&drawn), masked(&format!("{TYPED}{shown}")), "scripts/explain-picture >docs/explain.svg");
    // What is read out where the picture cannot be seen.
    let (_, described) = picture.split_once("<desc id=\"text\">").expect("a description");
    let described = described.split_once("</desc>").unwrap().0.lines().filter(|line| !line.is_empty());
    assert_eq!(drawn_text(&described.map(|line| format!("<text >{line}\n")).collect::<String>()), drawn);
}
