//! What the environment says, and the rules that follow from it: once, for the library and the command.

pub mod log;
pub mod record;

use std::borrow::Cow;
use std::ffi::{CStr, CString};

use self::log::LogSpecification;
use crate::model::Diagnostic;
use crate::rules::config::{self, Environment};
use crate::rules::policy::Policy;
use crate::rules::trust::{self, CONFIGURATION};
use crate::sys::Errno;
use crate::sys::environment::{is_privileged, trusted_variable};
use crate::sys::file::{self, Identity, Ownership};

/// What rules take in memory, for each byte of text: of the shortest rules, `*.a` and a blank.
const MEMORY_PER_BYTE: usize = 64;
const SOME_MEMORY: usize = 64 << 10;

/// What the environment says. A privileged program (secure-execution mode, ld.so(8)) heeds none of the variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `NSS_BYPASS_DISABLE`: every lookup is forwarded.
    pub disabled: bool,
    /// The program runs with more privileges than its caller.
    pub privileged: bool,
    /// The configuration file: `NSS_BYPASS_CONF`, or /etc/nss-bypass.conf.
    pub configuration: Cow<'static, CStr>,
    /// `NSS_BYPASS`
    pub rules: Option<Vec<u8>>,
    /// `NSS_BYPASS_VIA`
    pub via: Option<Vec<u8>>,
    /// `NSS_BYPASS_LOG`
    pub log: LogSpecification,
}

/// The rules of a moment.
pub struct Loaded {
    /// Which names are answered here, and how.
    pub policy: Policy,
    /// The state of the file that they were read from.
    pub identity: Identity,
    /// The file's text; empty where it could not be read, or is not trusted.
    pub text: Vec<u8>,
    /// What is wrong with the file and the variables.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether `NSS_BYPASS_DISABLE` switches the library off by this value.
fn is_switched_on(value: &[u8]) -> bool {
    !matches!(value, b"" | b"0")
}

impl Settings {
    /// Where no variable says otherwise.
    pub const fn plain(privileged: bool, disabled: bool) -> Self {
        let configuration = Cow::Borrowed(CONFIGURATION);
        Self { disabled, privileged, configuration, rules: None, via: None, log: LogSpecification::OFF }
    }

    /// Reads the variables.
    pub fn read() -> Self {
        let configuration = trusted_variable(c"NSS_BYPASS_CONF").and_then(|path| CString::new(path).ok());
        Self {
            disabled: trusted_variable(c"NSS_BYPASS_DISABLE").is_some_and(|value| is_switched_on(&value)),
            privileged: is_privileged(),
            configuration: configuration.map_or(Cow::Borrowed(CONFIGURATION), Cow::Owned),
            rules: trusted_variable(c"NSS_BYPASS"),
            via: trusted_variable(c"NSS_BYPASS_VIA"),
            log: trusted_variable(c"NSS_BYPASS_LOG")
                .map_or(LogSpecification::OFF, |value| LogSpecification::parse(&value)),
        }
    }

    /// Reads the rules: the file's, and after them the variables'. None: there is no memory for it, as `has_room` says of a
    /// number of bytes.
    pub fn load(&self, has_room: impl FnOnce(usize) -> bool) -> Option<Loaded> {
        let path = self.configuration.as_ref();
        let source = path.to_string_lossy();
        let fault = |message: String| Diagnostic { source: source.to_string(), line: 0, column: 0, message };
        let (mut text, mut identity, mut diagnostics) = (Vec::new(), Identity::default(), Vec::new());
        match if self.privileged { file::read_no_link(path) } else { file::read(path) } {
            Ok(content) => {
                identity = content.identity;
                match self.distrust(content.ownership) {
                    None => text = content.bytes,
                    Some(reason) => diagnostics.push(fault(reason)),
                }
            }
            Err(Errno(libc::ENOENT)) if path == CONFIGURATION => {}
            Err(Errno(libc::ENOMEM)) => return None,
            Err(error) => {
                identity = file::identity(path);
                diagnostics.push(fault(error.to_string()));
            }
        }
        if !has_room(text.len().saturating_mul(MEMORY_PER_BYTE) + SOME_MEMORY) {
            return None;
        }
        let (policy, wrong) = self.policy(&text);
        diagnostics.extend(wrong);
        Some(Loaded { policy, identity, text, diagnostics })
    }

    /// The rules in this text of the file, and the variables'.
    pub fn policy(&self, text: &[u8]) -> (Policy, Vec<Diagnostic>) {
        let (from_file, mut wrong) = config::parse(text, &self.configuration.to_string_lossy());
        let variables = Environment { rules: self.rules.as_deref(), via: self.via.as_deref() };
        let (from_variables, more) = config::parse_environment(&variables);
        wrong.extend(more);
        (Policy::new(from_file, from_variables), wrong)
    }

    /// Why a privileged program may not follow this file.
    fn distrust(&self, ownership: Ownership) -> Option<String> {
        if !self.privileged || trust::distrust(ownership).is_none() {
            return None;
        }
        Some("ignored by privileged programs, since others than root can write it".to_owned())
    }
}
