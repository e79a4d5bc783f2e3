//! The state of the process: settings, rules, tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use libc::c_char;
use nss_bypass_core::cache::Cache;
use nss_bypass_core::rules::policy::{Policy, Scope};
use nss_bypass_core::rules::rule::Answering;
use nss_bypass_core::settings::log::{Level, LogSpecification};
use nss_bypass_core::settings::{Executable, Loaded, Settings};
use nss_bypass_core::sys::environment::{KeptVariables, is_privileged};
use nss_bypass_core::sys::file::{self, Identity};
use nss_bypass_core::sys::snapshot::Snapshot;
use nss_bypass_core::sys::{clock, fault};
use nss_bypass_core::tables::Tables;
use once_cell::race::OnceRef;

use crate::request::text::is_plainly_an_address;
use crate::{log, memory, real};

/// The maximum number of configuration errors that are logged: a binary file can have thousands.
const LOGGED_FAULTS: usize = 50;

/// How often the status of the configuration file is checked, in units of [`now`]: once a second.
const CHECK_INTERVAL: u64 = 1 << 30;

/// The tables of resolv.conf and the other system files.
pub(crate) static TABLES: Tables = Tables::new();

static SETTINGS: OnceRef<Settings> = OnceRef::new();

/// The settings without any variable, as in most processes, which then allocate no memory when the library is loaded.
static PLAIN: Settings = Settings::plain(false, false);
static PRIVILEGED: Settings = Settings::plain(true, false);

/// For a libc other than glibc: musl loads the library if LD_PRELOAD names it, and never asks nscd about hosts.
static FOREIGN: Settings = Settings::plain(false, true);

/// The variables of nss-bypass with which the program was started.
///
/// In `.data` and not among the zero-initialised variables, since the dynamic linker writes to its page in any case.
#[unsafe(link_section = ".data")]
pub(crate) static STARTED_WITH: KeptVariables = KeptVariables::new();

/// Whether those variables have been stored.
#[unsafe(link_section = ".data")]
static IS_LOADED: AtomicBool = AtomicBool::new(false);

static RULES: Snapshot<ActiveRules> = Snapshot::new();
static NEXT_CHECK: AtomicU64 = AtomicU64::new(0);

/// What [`forwards_node`] evaluates, as bits: whether the rules have been loaded, and whether they may match names,
/// addresses, or lookups without a name.
static SCOPE: AtomicU32 = AtomicU32::new(0);
const KNOWN: u32 = 1;
const NAMES: u32 = 2;
const ADDRESSES: u32 = 4;
const NO_NAME: u32 = 8;

/// Whether some rule forwards names to libc first, and has nss-bypass resolve those that libc does not find.
static LIBC_FIRST: AtomicBool = AtomicBool::new(false);

/// The rules in force.
pub(crate) struct ActiveRules {
    identity: Identity,
    /// The root directory in which the file was found; `None` if there was no file.
    root: Option<(u64, u64)>,
    /// Which names are answered here.
    pub(crate) policy: Policy,
    cache: Option<Cache>,
}

impl ActiveRules {
    /// If there is no memory for a cache, nothing is cached: that is better than forwarding names to libc.
    fn new(identity: Identity, policy: Policy) -> Self {
        let root = if identity == Identity::default() { None } else { file::root() };
        Self { identity, root, cache: policy.cache().and_then(Cache::new), policy }
    }

    /// Returns where lookups are logged: as the variable says or, without one, the file. Privileged programs log
    /// nothing.
    pub(crate) fn log(&self) -> &LogSpecification {
        let settings = settings();
        let of_file = || self.policy.log().filter(|_| !settings.privileged);
        settings.log.as_ref().or_else(of_file).unwrap_or(&LogSpecification::OFF)
    }

    /// Returns the cache, if answers that are resolved in this way are cached.
    pub(crate) fn cache_for(&self, answering: &Answering) -> Option<&Cache> {
        self.cache.as_ref().filter(|_| self.policy.keeps(answering))
    }
}

/// Returns the settings: from the variables as they were when the library was loaded, or as they are now if it has not
/// been initialised yet.
pub(crate) fn settings() -> &'static Settings {
    // They are never freed; if two threads read them at the same time, those of one thread are discarded.
    SETTINGS.get_or_init(|| match () {
        () if !real::is_glibc() => &FOREIGN,
        () if is_privileged() => &PRIVILEGED,
        () if !IS_LOADED.load(Ordering::Acquire) => Box::leak(Box::new(Settings::read())),
        () if STARTED_WITH.is_empty() => &PLAIN,
        () => Box::leak(Box::new(Settings::of_variables(|name| Some(STARTED_WITH.get(name)?.to_bytes().to_vec())))),
    })
}

/// Stores the variables with which the program was started. Returns `false` if there is not enough space.
///
/// # Safety
/// There must be only one thread. `environment` must be null or an array of C strings that ends with a null pointer.
#[inline(always)]
pub(crate) unsafe fn keep_variables(environment: *const *const c_char) -> bool {
    // SAFETY: guaranteed by the caller.
    let is_kept = unsafe { STARTED_WITH.keep(environment, b"NSS_BYPASS") };
    IS_LOADED.store(is_kept, Ordering::Release);
    is_kept
}

/// Returns whether a node is forwarded at once: no rule applies to its kind, forwarded lookups are not logged, and the
/// status of the configuration is not yet to be checked again. This is the whole cost of most lookups of most programs,
/// so it uses no guard: it has nothing to drop, and reads a clock only.
///
/// # Safety
/// `node` must be NULL or a C string.
pub(crate) unsafe fn forwards_node(node: *const c_char) -> bool {
    match known_scope() {
        None => false,
        Some(KNOWN) => true,
        Some(scope) if node.is_null() => scope & NO_NAME == 0,
        Some(scope) => {
            // SAFETY: guaranteed by the caller.
            scope & ADDRESSES == 0 && unsafe { is_plainly_an_address(node) }
        }
    }
}

/// The same for reverse lookups.
pub(crate) fn forwards_addresses() -> bool {
    known_scope().is_some_and(|scope| scope & ADDRESSES == 0)
}

/// Returns whether libc's results have to be examined, without checking the configuration.
pub(crate) fn has_libc_first() -> bool {
    LIBC_FIRST.load(Ordering::Relaxed)
}

fn known_scope() -> Option<u32> {
    let scope = SCOPE.load(Ordering::Relaxed);
    (scope & KNOWN != 0 && now() < NEXT_CHECK.load(Ordering::Relaxed)).then_some(scope)
}

/// Returns the time in units of 1/[`CHECK_INTERVAL`] of a second: seconds, and nanoseconds in the lower bits, so that no
/// division is necessary.
fn now() -> u64 {
    let now = clock::coarse();
    now.as_secs() << 30 | u64::from(now.subsec_nanos())
}

/// Returns the rules in force; `None` if everything is forwarded. The status of the configuration is checked at most
/// once a second.
pub(crate) fn rules() -> Option<Arc<ActiveRules>> {
    fault::point();
    let settings = settings();
    if settings.disabled {
        NEXT_CHECK.swap(u64::MAX, Ordering::Relaxed);
        SCOPE.swap(KNOWN, Ordering::Relaxed);
        return None;
    }
    let now = now();
    let due = NEXT_CHECK.load(Ordering::Relaxed);
    // The thread that advances the time checks the configuration; others continue with the current rules.
    let next = now.saturating_add(CHECK_INTERVAL);
    let checks = now >= due && NEXT_CHECK.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    let in_force = if checks { None } else { RULES.read() };
    // If there are no rules yet, another thread is loading them for the first time, which may take a while.
    let rules = in_force.or_else(|| reload(settings))?;
    (!rules.policy.is_empty() || rules.policy.log().is_some()).then_some(rules)
}

/// Reads the configuration if it has changed, and returns the rules that are then in force.
fn reload(settings: &Settings) -> Option<Arc<ActiveRules>> {
    fault::point();
    let path = settings.configuration.as_ref();
    let in_force = RULES.read();
    if let Some(rules) = &in_force {
        let identity = file::identity(path);
        // After chroot(2), the rules remain in force, unless the new root has a configuration.
        let is_left_behind = identity == Identity::default() && rules.root.is_some() && rules.root != file::root();
        if identity == rules.identity || is_left_behind {
            return in_force;
        }
    }
    let Some(Loaded { policy, identity, diagnostics, .. }) = settings.load(Executable::Own, memory::has_room) else {
        return in_force;
    };
    match RULES.replace(ActiveRules::new(identity, policy)) {
        Ok(rules) => {
            let Scope { names, addresses, no_name, libc_first } = rules.policy.scope();
            let bits = [(names, NAMES), (addresses, ADDRESSES), (no_name, NO_NAME)];
            let scope = bits.iter().filter(|(is, _)| *is).fold(KNOWN, |scope, (_, bit)| scope | bit);
            // If every lookup is logged, none is forwarded at once. (`swap` is used since helgrind recognises no other
            // atomic write.)
            LIBC_FIRST.swap(libc_first, Ordering::Relaxed);
            let log = rules.log();
            SCOPE.swap(if log.wants(Level::All) { 0 } else { scope }, Ordering::Relaxed);
            for fault in diagnostics.iter().take(LOGGED_FAULTS) {
                log::write(log, Level::Error, &fault.to_string());
            }
            if let Some(more) = diagnostics.len().checked_sub(LOGGED_FAULTS).filter(|&more| more > 0) {
                log::write(log, Level::Error, &format!("and {more} faults more"));
            }
            Some(rules)
        }
        // They cannot be stored now: the previous rules remain in force for another second or, if there are none, these
        // are used for this lookup. A name that they match must not be forwarded to libc in the meantime.
        Err(rules) => RULES.read().or_else(|| Some(Arc::new(rules))),
    }
}
