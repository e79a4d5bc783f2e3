//! The rules, read as the library reads them in a program that is started with this environment.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use nss_bypass_core::model::Diagnostic;
use nss_bypass_core::model::Subject;
use nss_bypass_core::rules::config::{self, Environment};
use nss_bypass_core::rules::pattern::Pattern;
use nss_bypass_core::rules::policy::{Policy, Verdict};
use nss_bypass_core::rules::rule::Rule;
use nss_bypass_core::sys::file;

use crate::ui::output;
use crate::ui::screen::printable;

/// The configuration, where NSS_BYPASS_CONF names no other.
const CONFIGURATION: &str = "/etc/nss-bypass.conf";

/// The rules, and where they come from.
pub(crate) struct Rules {
    /// The file.
    pub(crate) path: String,
    text: Vec<u8>,
    variables: [Option<Vec<u8>>; 2],
    /// The rules in force.
    pub(crate) policy: Policy,
    /// What is wrong with them.
    pub(crate) faults: Vec<Diagnostic>,
    /// NSS_BYPASS_DISABLE is set: everything passes.
    pub(crate) disabled: bool,
}

fn variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec)
}

impl Rules {
    /// Reads file and variables.
    pub(crate) fn read() -> Self {
        let path = variable("NSS_BYPASS_CONF").unwrap_or_else(|| CONFIGURATION.into());
        let shown = printable(&path);
        let fault = |message: String| Diagnostic { source: shown.clone(), line: 0, column: 0, message };
        let (mut text, mut faults) = (Vec::new(), Vec::new());
        match CString::new(path).map(|path| file::read(&path)) {
            Ok(Ok(content)) => text = content.bytes,
            Ok(Err(error)) if error.0 == libc::ENOENT && shown == CONFIGURATION => {}
            Ok(Err(error)) => faults.push(fault(output::reason(&io::Error::from_raw_os_error(error.0)))),
            Err(_) => faults.push(fault("a path has no NUL".to_owned())),
        }
        let variables = [variable("NSS_BYPASS"), variable("NSS_BYPASS_VIA")];
        let (policy, more) = policy(&text, &shown, &variables);
        faults.extend(more);
        let disabled = variable("NSS_BYPASS_DISABLE").is_some_and(|value| !value.is_empty() && value != b"0");
        Self { path: shown, text, variables, policy, faults, disabled }
    }

    /// What decides, and the rules that lost to it.
    pub(crate) fn candidates(&self, subject: Subject<'_>) -> Vec<&Rule> {
        self.policy.candidates(subject)
    }

    /// The rule under which the library answers; none where it leaves the lookup to libc.
    pub(crate) fn bypassing(&self, subject: Subject<'_>) -> Option<&Rule> {
        match self.policy.decide_subject(subject) {
            Verdict::Bypass(rule) if !self.disabled => Some(rule),
            _ => None,
        }
    }

    /// Whether a rule takes the lookup away from libc, once it may.
    pub(crate) fn means(&self, subject: Subject<'_>) -> bool {
        matches!(self.policy.decide_subject(subject), Verdict::Bypass(_))
    }

    /// The pattern that would mean just this lookup; none where no pattern can.
    pub(crate) fn pattern_for(subject: Subject<'_>) -> Option<String> {
        let text = match subject {
            Subject::Name(name) => name.without_root_dot().to_vec(),
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
        let (policy, _) = policy(&text, &self.path, &self.variables);
        let first = policy.candidates(subject).first().map(|rule| rule.origin().clone());
        first.is_some_and(|origin| origin.line == number && *origin.source == *self.path)
    }

    /// Whether the file's last line has no end.
    pub(crate) fn lacks_final_newline(&self) -> bool {
        self.text.last().is_some_and(|&byte| byte != b'\n')
    }
}

fn policy(text: &[u8], path: &str, [rules, via]: &[Option<Vec<u8>>; 2]) -> (Policy, Vec<Diagnostic>) {
    let (from_file, mut faults) = config::parse(text, path);
    let (from_variables, more) =
        config::parse_environment(&Environment { rules: rules.as_deref(), via: via.as_deref() });
    faults.extend(more);
    (Policy::new(from_file, from_variables), faults)
}

/// A rule, with its place.
pub(crate) fn described(rule: &Rule) -> String {
    let action = match rule.action() {
        nss_bypass_core::rules::rule::Action::Bypass => "bypass",
        nss_bypass_core::rules::rule::Action::Pass => "pass",
    };
    format!("{}: {action} {}", rule.origin(), rule.pattern())
}
