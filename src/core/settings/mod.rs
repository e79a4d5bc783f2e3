//! What the environment says, and the rules that follow from it: once, for the library and the command.

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

/// What rules take in memory, for each byte of text: of the shortest rules, `*.a` and a blank.
const MEMORY_PER_BYTE: usize = 64;
const SOME_MEMORY: usize = 64 << 10;

/// What is read at the start of every program, to see whether there is a line about databases: a page.
const BEGINNING: usize = 4096;

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
    /// `NSS_BYPASS_DATABASES`
    pub databases: Option<Vec<u8>>,
    /// `NSS_BYPASS_LOG`
    pub log: Option<LogSpecification>,
}

/// Which program rules are to be for.
#[derive(Clone, Copy, Debug)]
pub enum Executable<'a> {
    /// This one.
    Own,
    /// The one with this absolute path; none: any that no rule names.
    Of(Option<&'a [u8]>),
    /// Whatever programs they name.
    Any,
}

/// The rules of a moment.
pub struct Loaded {
    /// Which names are answered here, and how.
    pub policy: Policy,
    /// The state of the file that they were read from.
    pub identity: Identity,
    /// The file's text; empty where it could not be read, or is not trusted.
    pub text: Arc<Vec<u8>>,
    /// What is wrong with the file and the variables.
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether [`Settings::databases`] may be any because of this configuration file: no more of it is read than its beginning.
#[inline(always)]
pub fn may_name_databases(path: &CStr) -> bool {
    let mut room = [const { MaybeUninit::uninit() }; BEGINNING];
    let beginning = file::read_beginning(path, &mut room);
    match config::look_for_databases(beginning) {
        Beginning::NamesDatabases => true,
        Beginning::NamesNone => false,
        Beginning::SaysNothing => beginning.len() == BEGINNING,
    }
}

/// Whether `NSS_BYPASS_DISABLE` switches the library off by this value.
pub fn is_switched_on(value: &[u8]) -> bool {
    !matches!(value, b"" | b"0")
}

impl Settings {
    /// Where no variable says otherwise.
    pub const fn plain(privileged: bool, disabled: bool) -> Self {
        let configuration = Cow::Borrowed(CONFIGURATION);
        Self { disabled, privileged, configuration, rules: None, via: None, databases: None, log: None }
    }

    /// Reads the variables, as they are now.
    pub fn read() -> Self {
        Self::of_variables(environment::variable)
    }

    /// Reads the variables, each from this function.
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

    /// Reads the rules: the file's, and after them the variables'. None: there is no memory for it, as `has_room` says of a
    /// number of bytes.
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
        if !has_room(text.len().saturating_mul(MEMORY_PER_BYTE) + SOME_MEMORY) {
            return None;
        }
        let (policy, wrong) = self.policy(&text, executable);
        diagnostics.extend(wrong);
        Some(Loaded { policy, identity, text, diagnostics })
    }

    /// The rules in this text of the file, and the variables'.
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

    /// What nscd is not asked about.
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

    /// Why a privileged program may not follow this file.
    fn distrust(&self, ownership: Ownership) -> Option<String> {
        if !self.privileged || trust::distrust(ownership).is_none() {
            return None;
        }
        Some("ignored by privileged programs, since others than root can write it".to_owned())
    }
}
