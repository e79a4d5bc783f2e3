//! The rules, read as the library reads them in a program that is started with this environment.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use nss_bypass_core::model::{Diagnostic, Subject};
use nss_bypass_core::rules::pattern::Pattern;
use nss_bypass_core::rules::policy::{Policy, Verdict};
use nss_bypass_core::rules::rule::{Action, Fallback, Rule};
use nss_bypass_core::settings::{Executable, Loaded, Settings};

/// The rules, and where they come from.
pub(crate) struct Rules {
    /// The file.
    pub(crate) path: String,
    text: Arc<Vec<u8>>,
    settings: Settings,
    /// The executable that they are judged for; none: that of any program that no rule names.
    executable: Option<Vec<u8>>,
    /// The rules in force.
    pub(crate) policy: Policy,
    /// The same, and those that count in other programs only.
    every: Policy,
    /// What is wrong with them.
    pub(crate) faults: Vec<Diagnostic>,
    /// NSS_BYPASS_DISABLE is set: every lookup is forwarded.
    pub(crate) disabled: bool,
}

impl Rules {
    /// Reads file and variables, for the program with this executable or for any that no rule names.
    pub(crate) fn read(executable: Option<&Path>) -> Self {
        let executable = executable.map(|path| path.as_os_str().as_bytes().to_vec());
        let settings = Settings::read();
        let path = settings.configuration.to_string_lossy().into_owned();
        let (policy, text, faults) = match settings.load(Executable::Of(executable.as_deref()), |_| true) {
            Some(Loaded { policy, text, diagnostics, .. }) => (policy, text, diagnostics),
            None => (Policy::default(), Arc::default(), Vec::new()), // There is no memory to read it.
        };
        let (every, _) = settings.policy(&text, Executable::Any);
        Self { path, text, executable, policy, every, faults, disabled: settings.disabled, settings }
    }

    /// What decides, and the rules that lost to it.
    pub(crate) fn candidates(&self, subject: Subject<'_>) -> Vec<&Rule> {
        self.policy.candidates(subject)
    }

    /// Rules that match, and count in other programs only.
    pub(crate) fn for_others(&self, subject: Subject<'_>) -> Vec<&Rule> {
        let all = self.every.candidates(subject).into_iter();
        all.filter(|rule| !rule.is_for(self.executable.as_deref())).collect()
    }

    /// How many rules count in other programs only.
    pub(crate) fn count_for_others(&self) -> usize {
        self.every.rules().len() - self.policy.rules().len()
    }

    /// The rule under which the library resolves the lookup, at once or after libc; none where it leaves it to libc.
    pub(crate) fn resolving(&self, subject: Subject<'_>) -> Option<&Rule> {
        match self.policy.decide_subject(subject) {
            Verdict::Bypass(rule) | Verdict::LibcFirst(rule) if !self.disabled => Some(rule),
            _ => None,
        }
    }

    /// Whether the library resolves the lookup, once it may.
    pub(crate) fn means(&self, subject: Subject<'_>) -> bool {
        matches!(self.policy.decide_subject(subject), Verdict::Bypass(_) | Verdict::LibcFirst(_))
    }

    /// The pattern that would mean just this lookup; none where no pattern can.
    pub(crate) fn pattern_for(subject: Subject<'_>) -> Option<String> {
        let text = match subject {
            Subject::Name(name) => name.without_root_dot().to_ascii_lowercase(),
            Subject::Address(address) => address.to_canonical().to_string().into_bytes(),
            Subject::Nobody => return None,
        };
        let pattern = Pattern::parse(&text).ok()?;
        (!nss_bypass_core::rules::pattern::has_wildcard(&text)).then(|| pattern.as_str().to_owned())
    }

    /// Whether a line at the end of the file would decide: no variable outranks it.
    pub(crate) fn would_decide(&self, line: &str, subject: Subject<'_>) -> bool {
        let text = [self.text.as_slice(), b"\n", line.as_bytes(), b"\n"].concat();
        let number = u32::try_from(text.iter().filter(|&&byte| byte == b'\n').count()).unwrap_or(u32::MAX);
        let (policy, _) = self.settings.policy(&Arc::new(text), Executable::Of(self.executable.as_deref()));
        let candidates = policy.candidates(subject);
        let first = candidates.first().map(|rule| rule.origin());
        first.is_some_and(|origin| origin.line == number && *origin.source == *self.path)
    }
}

/// A rule, with its place.
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
