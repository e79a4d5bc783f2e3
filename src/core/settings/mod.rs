//! The environment variables of nss-bypass, and loading the rules, for both the library and the command.

pub mod log;
pub mod record;

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::sync::Arc;

use self::log::LogSpecification;
use crate::model::Diagnostic;
use crate::rules::config::{self, Beginning, Environment};
use crate::rules::databases::Database;
use crate::rules::policy::Policy;
use crate::rules::trust::{self, CONFIGURATION};
use crate::sys::Errno;
use crate::sys::environment::{self, is_privileged};
use crate::sys::file::{self, Content, Identity, Ownership};

/// Estimated memory for rules per byte of their text, for the shortest rules: `*.a` and a blank.
const MEMORY_PER_BYTE: usize = 64;
const BASE_MEMORY: usize = 64 << 10;

/// How many bytes are read whenever a program starts, to look for a `databases` line: one page.
const BEGINNING: usize = 4096;

/// The settings from the environment. A privileged program (secure-execution mode, ld.so(8)) ignores all variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `NSS_BYPASS_DISABLE`: every lookup is forwarded to libc.
    pub disabled: bool,
    /// Whether the program runs with more privileges than its caller.
    pub privileged: bool,
    /// The configuration file: `NSS_BYPASS_CONF`, or /etc/nss-bypass.conf.
    pub configuration: Cow<'static, CStr>,
    /// `NSS_BYPASS`
    pub rules: Option<Vec<u8>>,
    /// `NSS_BYPASS_VIA`
    pub via: Option<Vec<u8>>,
    /// `NSS_BYPASS_DATABASES`
    pub databases: Option<Vec<u8>>,
    /// `NSS_BYPASS_LOG`
    pub log: Option<LogSpecification>,
}

/// The program whose rules are wanted (option `for`).
#[derive(Clone, Copy, Debug)]
pub enum Executable<'a> {
    /// The calling program.
    Own,
    /// The program with this absolute path; `None` if it is unknown: only rules that apply in all programs.
    Of(Option<&'a [u8]>),
    /// All rules, whatever programs they are restricted to.
    Any,
}

/// Rules that have been loaded.
pub struct Loaded {
    /// The rules of the file and the variables.
    pub policy: Policy,
    /// The state of the file from which they were read.
    pub identity: Identity,
    /// The text of the file; empty if it could not be read or is not trusted.
    pub text: Arc<Vec<u8>>,
    /// Errors in the file and the variables.
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns whether this configuration file can have a `databases` line. Only the beginning of the file is read.
#[inline(always)]
pub fn may_name_databases(path: &CStr) -> bool {
    let mut room = [const { MaybeUninit::uninit() }; BEGINNING];
    let beginning = file::read_beginning(path, &mut room);
    match config::look_for_databases(beginning) {
        Beginning::HasDatabases => true,
        Beginning::HasRule => false,
        Beginning::Undecided => beginning.len() == BEGINNING,
    }
}

/// Returns whether this value of `NSS_BYPASS_DISABLE` disables the library.
pub fn is_switched_on(value: &[u8]) -> bool {
    !matches!(value, b"" | b"0")
}

impl Settings {
    /// The settings without any variable.
    pub const fn plain(privileged: bool, disabled: bool) -> Self {
        let configuration = Cow::Borrowed(CONFIGURATION);
        Self { disabled, privileged, configuration, rules: None, via: None, databases: None, log: None }
    }

    /// Reads the variables with their current values.
    pub fn read() -> Self {
        Self::of_variables(environment::variable)
    }

    /// Reads the variables with this function.
    pub fn of_variables(variable: impl Fn(&CStr) -> Option<Vec<u8>>) -> Self {
        let privileged = is_privileged();
        let variable = |name| if privileged { None } else { variable(name) };
        let configuration = variable(c"NSS_BYPASS_CONF").and_then(|path| CString::new(path).ok());
        Self {
            disabled: variable(c"NSS_BYPASS_DISABLE").is_some_and(|value| is_switched_on(&value)),
            privileged,
            configuration: configuration.map_or(Cow::Borrowed(CONFIGURATION), Cow::Owned),
            rules: variable(c"NSS_BYPASS"),
            via: variable(c"NSS_BYPASS_VIA"),
            databases: variable(c"NSS_BYPASS_DATABASES"),
            log: variable(c"NSS_BYPASS_LOG").map(|value| LogSpecification::parse(&value)),
        }
    }

    /// Loads the rules: those of the file, followed by those of the variables. Returns `None` if there is not enough
    /// memory: `has_room` is called with an estimate in bytes.
    pub fn load(&self, executable: Executable<'_>, has_room: impl FnOnce(usize) -> bool) -> Option<Loaded> {
        let path = self.configuration.as_ref();
        let source = path.to_string_lossy();
        let fault = |message: String| Diagnostic { source: source.to_string(), line: 0, column: 0, message };
        let (mut text, mut identity, mut diagnostics) = (Arc::default(), Identity::default(), Vec::new());
        match self.read_configuration() {
            Ok(content) => {
                identity = content.identity;
                match self.distrust(content.ownership) {
                    None => text = Arc::new(content.bytes),
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
        if !has_room(text.len().saturating_mul(MEMORY_PER_BYTE) + BASE_MEMORY) {
            return None;
        }
        let (policy, wrong) = self.policy(&text, executable);
        diagnostics.extend(wrong);
        Some(Loaded { policy, identity, text, diagnostics })
    }

    /// Parses this text of the file, and the variables.
    pub fn policy(&self, text: &Arc<Vec<u8>>, executable: Executable<'_>) -> (Policy, Vec<Diagnostic>) {
        let (mut from_file, mut wrong) = config::parse_shared(text, &self.configuration.to_string_lossy());
        match executable {
            Executable::Own => from_file.retain_for(environment::executable),
            Executable::Of(path) => from_file.retain_for(|| path.map(<[u8]>::to_vec)),
            Executable::Any => {}
        }
        let (from_variables, more) = config::parse_environment(&self.variables());
        wrong.extend(more);
        (Policy::new(from_file, from_variables), wrong)
    }

    fn variables(&self) -> Environment<'_> {
        let [rules, via, databases] = [&self.rules, &self.via, &self.databases].map(Option::as_deref);
        Environment { rules, via, databases }
    }

    /// Returns the databases about which nscd is not asked.
    pub fn databases(&self) -> Vec<Database> {
        let mut databases = Vec::new();
        if self.disabled {
            return databases;
        }
        if let Ok(content) = self.read_configuration()
            && self.distrust(content.ownership).is_none()
        {
            databases = config::parse(config::before_rules(&content.bytes), "").0.databases;
        }
        if self.databases.is_some() {
            databases.extend(config::parse_environment(&self.variables()).0.databases);
        }
        databases
    }

    fn read_configuration(&self) -> Result<Content, Errno> {
        let path = self.configuration.as_ref();
        if self.privileged { file::read_no_link(path) } else { file::read(path) }
    }

    /// Returns why a privileged program must not follow this file.
    fn distrust(&self, ownership: Ownership) -> Option<String> {
        if !self.privileged || trust::distrust(ownership).is_none() {
            return None;
        }
        Some("ignored by privileged programs: users other than root can write to it".to_owned())
    }
}
