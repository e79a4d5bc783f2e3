//! The manual page nss-bypass(1) and the completions, made from the definitions of the arguments.
//!
//! No part of the command that people have: only of a build with the feature `generate` (scripts/manuals).

use std::io;
#[cfg(feature = "generate")]
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The shells, and where each looks for the completions of this command.
const SHELLS: [(Shell, &str); 3] =
    [(Shell::Bash, "nss-bypass.bash"), (Shell::Zsh, "_nss-bypass"), (Shell::Fish, "nss-bypass.fish")];

/// Writes everything into a folder.
#[cfg(feature = "generate")]
pub(crate) fn all(command: &Command, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("nss-bypass.1"), manual(command)?)?;
    for (shell, file) in SHELLS {
        std::fs::write(folder.join(file), completions(command, shell))?;
    }
    Ok(())
}

fn completions(command: &Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut visible(command), NAME, &mut text);
    // clap_complete writes the "-" of the name in one way where a word of the line is looked up, and in another where the
    // verb's own words are: so bash would complete nothing behind the verb.
    let text = String::from_utf8_lossy(&text).replace("nss__subcmd__bypass", "nss__bypass");
    text.into_bytes()
}

const NAME: &str = "nss-bypass";

/// The command without the verbs that are not for people: clap_complete offers hidden ones too.
fn visible(command: &Command) -> Command {
    let shown = Command::new(NAME).version(env!("CARGO_PKG_VERSION")).args(command.get_arguments().cloned());
    shown.subcommands(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}

/// The manual page: the command, then a section for each verb.
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

/// When what the page says changed last.
const DATE: &str = "2026-11-25";

/// The page without the preambles that each part brings, empty paragraphs, and blanks at the end of lines.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let is_preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        if is_preamble && lines.contains(&line) {
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
The rules: nss\\-bypass.conf(5).
.TP
.I /etc/ld.so.preload
Libraries for every program of the machine: ld.so(8).
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
    // The headings of a page of its own are paragraphs here.
    let body: Vec<&str> = text.lines().map(|line| if line.starts_with(".SH ") { ".PP" } else { line }).collect();
    let body = body.join("\n").replacen(".PP\n", "", 1);
    let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    Ok(format!(".SH {}\n{body}\n{}", verb.get_name().to_uppercase(), preformatted("", &after)))
}

/// Text whose lines stay as they are, under a heading if there is one.
fn preformatted(heading: &str, text: &str) -> String {
    let mut page = if heading.is_empty() { ".PP\n".to_owned() } else { format!(".SH {heading}\n") };
    page += ".nf\n";
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
        // A line that begins with a dot or an apostrophe is a request.
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

    /// What a tool that reads a page complains of; none where it is not there.
    fn complaints(tool: &str, arguments: &[&str], page: &str) -> Option<String> {
        let mut process = Process::new(tool)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        // Larger than a pipe holds, and nobody reads meanwhile: so from another thread.
        let mut input = process.stdin.take()?;
        let page = page.to_owned();
        let writer = std::thread::spawn(move || input.write_all(page.as_bytes()));
        let output = process.wait_with_output().ok()?;
        let _ = writer.join();
        // mandoc writes what it finds to standard output, groff the page.
        let said = if tool == "mandoc" { output.stdout } else { output.stderr };
        Some(String::from_utf8_lossy(&said).into_owned())
    }

    fn is_clean(page: &str) {
        let groff = complaints("groff", &["-man", "-Tutf8", "-ww", "-rLL=78n"], page);
        assert_eq!(groff.unwrap_or_default(), "");
        let mandoc = complaints("mandoc", &["-T", "lint", "-W", "warning"], page);
        assert_eq!(mandoc.unwrap_or_default(), "");
    }

    /// The verbs that are for people.
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

    /// What a shell offers behind these words; none where the shell is not there.
    fn offered(shell: Shell, words: &str) -> Option<Vec<String>> {
        let folder = std::env::temp_dir().join(format!("nss-bypass-completions-{}-{shell}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (_, file) = SHELLS.into_iter().find(|(other, _)| *other == shell)?;
        std::fs::write(folder.join(file), completions(&crate::command(), shell)).unwrap();
        // On Debian's fish, --no-config leaves out completions of others.
        let script = match shell {
            Shell::Bash => include_str!("completions/ask.bash"),
            Shell::Zsh => include_str!("completions/ask.zsh"),
            _ => include_str!("completions/ask.fish"),
        };
        let option = if shell == Shell::Zsh { "-fc" } else { "-c" };
        let mut process = Process::new(shell.to_string());
        process.args([option, script]).env("FILE", folder.join(file)).env("FOLDER", &folder).env("WORDS", words);
        process.env("HOME", &folder).stdin(Stdio::null());
        let output = process.output().ok();
        let _ = std::fs::remove_dir_all(&folder);
        let text = String::from_utf8_lossy(&output?.stdout).into_owned();
        Some(text.lines().map(|line| line.split(['\t', ' ']).next().unwrap_or_default().to_owned()).collect())
    }

    /// In each shell: the verbs, and then the options of the verb; never a verb that is not for people.
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
            let headings = [
                format!(
                    ".TP
.BI \"{word} "
                ),
                format!(
                    ".TP
.BR \"{word} "
                ),
            ];
            assert!(headings.iter().any(|heading| plain.contains(heading)), "{word}");
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
