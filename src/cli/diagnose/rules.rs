//! The rules, read as the library reads them in a program that is started with this environment.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use nss_bypass_core::model::{Diagnostic, Subject};
use nss_bypass_core::rules::pattern::Pattern;
use nss_bypass_core::rules::policy::{Policy, Verdict};
use nss_bypass_core::rules::rule::{Action, Fallback, Rule};
use nss_bypass_core::settings::{Executable, Loaded, Settings};

/// The rules and their sources.
pub(crate) struct Rules {
    /// The path of the file.
    pub(crate) path: String,
    text: Arc<Vec<u8>>,
    settings: Settings,
    /// The executable for which the rules are evaluated; `None` for a program to which no rule is restricted.
    executable: Option<Vec<u8>>,
    /// The rules in force.
    pub(crate) policy: Policy,
    /// These rules, and those that are restricted to other programs.
    every: Policy,
    /// Errors in the rules.
    pub(crate) faults: Vec<Diagnostic>,
    /// Whether NSS_BYPASS_DISABLE is set, so that every lookup is forwarded to libc.
    pub(crate) disabled: bool,
}

impl Rules {
    /// Reads the file and the variables, for the program with this executable, or for one to which no rule is
    /// restricted.
    pub(crate) fn read(executable: Option<&Path>) -> Self {
        let executable = executable.map(|path| path.as_os_str().as_bytes().to_vec());
        let settings = Settings::read();
        let path = settings.configuration.to_string_lossy().into_owned();
        let (policy, text, faults) = match settings.load(Executable::Of(executable.as_deref()), |_| true) {
            Some(Loaded { policy, text, diagnostics, .. }) => (policy, text, diagnostics),
            None => (Policy::default(), Arc::default(), Vec::new()), // There is not enough memory.
        };
        let (every, _) = settings.policy(&text, Executable::Any);
        Self { path, text, executable, policy, every, faults, disabled: settings.disabled, settings }
    }

    /// Returns the rule that applies, followed by the other rules that match, in order of precedence.
    pub(crate) fn candidates(&self, subject: Subject<'_>) -> Vec<&Rule> {
        self.policy.candidates(subject)
    }

    /// Returns the rules that match, but are restricted to other programs.
    pub(crate) fn for_others(&self, subject: Subject<'_>) -> Vec<&Rule> {
        let all = self.every.candidates(subject).into_iter();
        all.filter(|rule| !rule.is_for(self.executable.as_deref())).collect()
    }

    /// Returns how many rules are restricted to other programs.
    pub(crate) fn count_for_others(&self) -> usize {
        self.every.rules().len() - self.policy.rules().len()
    }

    /// Returns the rule under which the library resolves the lookup, at once or after libc; `None` if the lookup is
    /// forwarded to libc.
    pub(crate) fn resolving(&self, subject: Subject<'_>) -> Option<&Rule> {
        match self.policy.decide_subject(subject) {
            Verdict::Bypass(rule) | Verdict::LibcFirst(rule) if !self.disabled => Some(rule),
            _ => None,
        }
    }

    /// Returns whether the library would resolve the lookup if it were not disabled.
    pub(crate) fn means(&self, subject: Subject<'_>) -> bool {
        matches!(self.policy.decide_subject(subject), Verdict::Bypass(_) | Verdict::LibcFirst(_))
    }

    /// Returns the pattern that matches this lookup only; `None` if there is none.
    pub(crate) fn pattern_for(subject: Subject<'_>) -> Option<String> {
        let text = match subject {
            Subject::Name(name) => name.without_root_dot().to_ascii_lowercase(),
            Subject::Address(address) => address.to_canonical().to_string().into_bytes(),
            Subject::NoName => return None,
        };
        let pattern = Pattern::parse(&text).ok()?;
        (!nss_bypass_core::rules::pattern::has_wildcard(&text)).then(|| pattern.as_str().to_owned())
    }

    /// Returns whether a line at the end of the file would apply: no rule of a variable takes precedence.
    pub(crate) fn would_decide(&self, line: &str, subject: Subject<'_>) -> bool {
        let text = [self.text.as_slice(), b"\n", line.as_bytes(), b"\n"].concat();
        let number = u32::try_from(text.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u32::MAX);
        let (policy, _) = self.settings.policy(&Arc::new(text), Executable::Of(self.executable.as_deref()));
        let candidates = policy.candidates(subject);
        let first = candidates.first().map(|rule| rule.origin());
        first.is_some_and(|origin| origin.line == number && *origin.source == *self.path)
    }
}

/// Formats a rule with its position.
pub(crate) fn described(rule: &Rule) -> String {
    let action = match rule.action() {
        Action::Bypass => "bypass",
        Action::Pass => "pass",
    };
    let fallback = match rule.answering().fallback {
        Fallback::Error if rule.is_libc_first() => " fallback error",
        Fallback::Always if rule.is_libc_first() => " fallback always",
        _ => "",
    };
    let addresses = rule.answering().addresses.iter().map(|address| format!(" {address}"));
    let addresses: String = addresses.collect();
    let address = if addresses.is_empty() { "" } else { " address" };
    format!("{}: {action} {}{address}{addresses}{fallback}", rule.origin(), rule.pattern())
}
