//! The manual page nss-bypass(1) and the completions, which are generated from the definitions of the arguments.
//!
//! This is not part of the installed command, but only of a build with the feature `generate` (scripts/manuals).

use std::io;
#[cfg(feature = "generate")]
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The shells, with the file names of their completions.
const SHELLS: [(Shell, &str); 3] =
    [(Shell::Bash, "nss-bypass.bash"), (Shell::Zsh, "_nss-bypass"), (Shell::Fish, "nss-bypass.fish")];

/// Writes everything to a directory.
#[cfg(feature = "generate")]
pub(crate) fn all(command: &Command, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("nss-bypass.1"), manual(command)?)?;
    for (shell, file) in SHELLS {
        std::fs::write(directory.join(file), completions(command, shell))?;
    }
    Ok(())
}

fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut visible(command), NAME, &mut text);
    // clap_complete replaces the "-" in the name in different ways where it looks up a word of the line and where it
    // completes the options of the verb, so that bash would complete nothing after the verb.
    let text = String::from_utf8_lossy(&text).replace("nss__subcmd__bypass", "nss__bypass");
    text.into_bytes()
}

const NAME: &str = "nss-bypass";

/// Returns the command without hidden verbs, for which clap_complete would generate completions too.
fn visible(command: &Command) -> Command {
    let shown = Command::new(NAME).version(env!("CARGO_PKG_VERSION")).args(command.get_arguments().cloned());
    shown.subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}

/// Returns the manual page: the command, followed by a section for each verb.
fn manual(command: &Command) -> io::Result<String> {
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    let source = format!("nss-bypass {}", command.get_version().unwrap_or_default());
    let page = Man::new(command.clone()).date(DATE).source(source).manual("nss-bypass");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        text += &section(verb)?;
    }
    text += &preformatted("EXIT STATUS", &command.get_after_help().map(ToString::to_string).unwrap_or_default());
    text += SEE_ALSO;
    Ok(tidy(&text))
}

/// The date of the last change of the page's contents.
const DATE: &str = "2026-11-25";

/// Removes the repeated preambles of the parts, repeated line breaks, empty paragraphs, and trailing blanks.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let is_preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        let is_second_break = line == ".br" && lines.last() == Some(&".br");
        if is_second_break || (is_preamble && lines.contains(&line)) {
            continue;
        }
        if lines.last() == Some(&".PP") && [".PP", ".TP", ".SH"].iter().any(|begin| line.starts_with(begin)) {
            lines.pop();
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

const SEE_ALSO: &str = "\
.SH FILES
.TP
.I /etc/nss\\-bypass.conf
The rules, see nss\\-bypass.conf(5).
.TP
.I /etc/ld.so.preload
Libraries that are loaded into every program, see ld.so(8).
.SH SEE ALSO
.BR nss\\-bypass.conf (5),
.BR getent (1),
.BR env (1),
.BR nsswitch.conf (5),
.BR ld.so (8),
.BR nscd (8)
";

fn section(verb: &Command) -> io::Result<String> {
    let page = Man::new(verb.clone());
    let mut text = Vec::new();
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    // The headings of a separate page become paragraphs here.
    let body: Vec<&str> = text.lines().map(|line| if line.starts_with(".SH ") { ".PP" } else { line }).collect();
    let body = body.join("\n").replacen(".PP\n", "", 1);
    let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    Ok(format!(".SH {}\n{body}\n{}", verb.get_name().to_uppercase(), preformatted("", &after)))
}

/// Returns text whose line breaks are preserved, with a heading unless it is empty.
fn preformatted(heading: &str, text: &str) -> String {
    let mut page = if heading.is_empty() { ".PP\n".to_owned() } else { format!(".SH {heading}\n") };
    page += ".nf\n";
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
        // A line that begins with a dot or an apostrophe would be a request.
        page += if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        page += if line.is_empty() { ".sp" } else { &line };
        page += "\n";
    }
    page + ".fi\n"
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command as Process, Stdio};

    use super::*;

    const CONFIGURATION: &str = include_str!("man/nss-bypass.conf.5");

    /// Returns the warnings of a tool that reads manual pages; `None` if it is not installed.
    fn warnings(tool: &str, arguments: &[&str], page: &str) -> Option<String> {
        let mut process = Process::new(tool)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // Written by another thread, since the page is larger than the buffer of a pipe, which is not read in the
        // meantime.
        let mut input = process.stdin.take()?;
        let page = page.to_owned();
        let writer = std::thread::spawn(move || input.write_all(page.as_bytes()));
        let output = process.wait_with_output().ok()?;
        let _ = writer.join();
        // mandoc writes warnings to standard output, groff the page.
        let said = if tool == "mandoc" { output.stdout } else { output.stderr };
        Some(String::from_utf8_lossy(&said).into_owned())
    }

    fn is_clean(page: &str) {
        let groff = warnings("groff", &["-man", "-Tutf8", "-ww", "-rLL=78n"], page);
        assert_eq!(groff.unwrap_or_default(), "");
        let mandoc = warnings("mandoc", &["-T", "lint", "-W", "warning"], page);
        assert_eq!(mandoc.unwrap_or_default(), "");
    }

    /// Returns the verbs that are not hidden.
    fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
        command.get_subcommands().filter(|verb| !verb.is_hide_set())
    }

    #[test]
    fn the_manual_has_every_verb_and_every_option() {
        let command = crate::command();
        let page = manual(&command).unwrap();
        for verb in verbs(&command) {
            assert!(page.contains(&format!(".SH {}\n", verb.get_name().to_uppercase())), "{}", verb.get_name());
            for option in verb.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(page.contains(&format!("\\-\\-{}", option.replace('-', "\\-"))), "{option}\n{page}");
            }
        }
        assert!(page.contains(".SH EXIT STATUS") && page.contains("127"));
        is_clean(&page);
    }

    /// Returns what a shell offers after these words; `None` if the shell is not installed.
    fn offered(shell: Shell, words: &str) -> Option<Vec<String>> {
        let directory = std::env::temp_dir().join(format!("nss-bypass-completions-{}-{shell}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (_, file) = SHELLS.into_iter().find(|(other, _)| *other == shell)?;
        std::fs::write(directory.join(file), completions(&crate::command(), shell)).unwrap();
        // With Debian's fish, --no-config excludes completions of other packages.
        let script = match shell {
            Shell::Bash => include_str!("completions/ask.bash"),
            Shell::Zsh => include_str!("completions/ask.zsh"),
            _ => include_str!("completions/ask.fish"),
        };
        let option = if shell == Shell::Zsh { "-fc" } else { "-c" };
        let mut process = Process::new(shell.to_string());
        process
            .args([option, script])
            .env("FILE", directory.join(file))
            .env("DIRECTORY", &directory)
            .env("WORDS", words);
        process.env("HOME", &directory).stdin(Stdio::null());
        let output = process.output().ok();
        let _ = std::fs::remove_dir_all(&directory);
        let text = String::from_utf8_lossy(&output?.stdout).into_owned();
        Some(text.lines().map(|line| line.split(['\t', ' ']).next().unwrap_or_default().to_owned()).collect())
    }

    /// Each shell completes the verbs, except hidden ones, and then the options of the verb.
    #[test]
    fn completions_complete_the_verb_and_what_follows_it() {
        for (shell, _) in SHELLS {
            let Some(found) = offered(shell, "nss-bypass ") else {
                println!("there is no {shell} here: not tested");
                continue;
            };
            let command = crate::command();
            for verb in verbs(&command) {
                assert!(found.iter().any(|word| word == verb.get_name()), "{shell}: {}: {found:?}", verb.get_name());
            }
            assert!(!found.iter().any(|word| word == crate::glibc::VERB), "{shell}: {found:?}");
            for verb in verbs(&command) {
                let words = format!("nss-bypass {} --", verb.get_name());
                let found = offered(shell, &words).unwrap();
                for option in verb.get_arguments().filter_map(|argument| argument.get_long()) {
                    assert!(
                        found.iter().any(|word| *word == format!("--{option}")),
                        "{words}{option}, {shell}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_verb_has_examples() {
        for verb in verbs(&crate::command()) {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  nss-bypass "), "{}", verb.get_name());
            let long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{}", verb.get_name());
        }
    }

    #[test]
    fn the_manual_of_the_configuration_has_every_word() {
        use nss_bypass_core::rules::config::KEYWORDS;
        use nss_bypass_core::rules::options::OPTIONS;
        let plain = CONFIGURATION.replace("\\-", "-");
        let words = ["NSS_BYPASS", "NSS_BYPASS_VIA", "NSS_BYPASS_CONF", "NSS_BYPASS_LOG", "NSS_BYPASS_DISABLE"];
        for word in KEYWORDS.into_iter().chain(OPTIONS.iter().map(|option| option.name)) {
            let headings = [".BI \"", ".BR \"", "\\fB"].map(|font| format!(".TP\n{font}{word}"));
            let follows =
                |heading: &String| plain.contains(&format!("{heading} ")) || plain.contains(&format!("{heading}\\fP "));
            assert!(headings.iter().any(follows), "{word}");
        }
        for word in words {
            assert!(plain.contains(&format!(".B {word}\n")), "{word}");
        }
        for limit in ["1 to 30", "1 to 5", "1 to 86400", "16 servers", "253", "63", "1000000"] {
            assert!(plain.contains(limit), "{limit}");
        }
        is_clean(CONFIGURATION);
    }
}
