//! The process's one copy of everything: settings, rules, tables.

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

/// How many faults of the configuration are logged at most: one of binary garbage has thousands.
const LOGGED_FAULTS: usize = 50;

/// How often the configuration is looked at, as [`now`] counts: each second.
const LOOK_EVERY: u64 = 1 << 30;

/// resolv.conf and its relatives.
pub(crate) static TABLES: Tables = Tables::new();

static SETTINGS: OnceRef<Settings> = OnceRef::new();

/// Where no variable says otherwise: most processes, which are then loaded without asking for memory.
static PLAIN: Settings = Settings::plain(false, false);
static PRIVILEGED: Settings = Settings::plain(true, false);

/// For a libc that is not glibc: musl loads the library if LD_PRELOAD names it, and never asks nscd for hosts.
static FOREIGN: Settings = Settings::plain(false, true);

/// The variables of ours that the program was started with.
///
/// Not among what is zero at the start: the dynamic linker writes to the page that these are in, in any case.
#[unsafe(link_section = ".data")]
pub(crate) static STARTED_WITH: KeptVariables = KeptVariables::new();

/// Whether they are known.
#[unsafe(link_section = ".data")]
static IS_LOADED: AtomicBool = AtomicBool::new(false);

static RULES: Snapshot<ActiveRules> = Snapshot::new();
static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);

/// What [`forwards_node`] may go by, in bits: it is known, and rules may take away names, addresses, or no name at all.
static SCOPE: AtomicU32 = AtomicU32::new(0);
const KNOWN: u32 = 1;
const NAMES: u32 = 2;
const ADDRESSES: u32 = 4;
const NOBODY: u32 = 8;

/// Whether some rule has libc answer first, and resolves here what it does not find.
static LIBC_FIRST: AtomicBool = AtomicBool::new(false);

/// The rules in force.
pub(crate) struct ActiveRules {
    identity: Identity,
    /// The root directory in which the file was found; none where there was no file.
    root: Option<(u64, u64)>,
    /// Which names are answered here.
    pub(crate) policy: Policy,
    cache: Option<Cache>,
}

impl ActiveRules {
    /// Where there is no memory for a cache, nothing is kept: that is less than names which go to libc.
    fn new(identity: Identity, policy: Policy) -> Self {
        let root = if identity == Identity::default() { None } else { file::root() };
        Self { identity, root, cache: policy.cache().and_then(Cache::new), policy }
    }

    /// Where lookups are logged: as the variable says or, where there is none, the file. Privileged programs log nothing.
    pub(crate) fn log(&self) -> &LogSpecification {
        let settings = settings();
        let of_file = || self.policy.log().filter(|_| !settings.privileged);
        settings.log.as_ref().or_else(of_file).unwrap_or(&LogSpecification::OFF)
    }

    /// The cache, if answers that are found like this are kept.
    pub(crate) fn cache_for(&self, answering: &Answering) -> Option<&Cache> {
        self.cache.as_ref().filter(|_| self.policy.keeps(answering))
    }
}

/// The settings: the variables as they were when the library was loaded, or as they are now if that has not come yet.
pub(crate) fn settings() -> &'static Settings {
    // They are kept as long as the process lives; of two threads that read them at once, one's are never used.
    SETTINGS.get_or_init(|| match () {
        () if !real::is_glibc() => &FOREIGN,
        () if is_privileged() => &PRIVILEGED,
        () if !IS_LOADED.load(Ordering::Acquire) => Box::leak(Box::new(Settings::read())),
        () if STARTED_WITH.is_empty() => &PLAIN,
        () => Box::leak(Box::new(Settings::of_variables(|name| Some(STARTED_WITH.get(name)?.to_bytes().to_vec())))),
    })
}

/// Keeps the variables that the program was started with. False: there is no room for them.
///
/// # Safety
/// Only one thread runs. The environment is null, or strings with a null pointer behind the last.
#[inline(always)]
pub(crate) unsafe fn keep_variables(environment: *const *const c_char) -> bool {
    // SAFETY: the caller's promise.
    let is_kept = unsafe { STARTED_WITH.keep(environment, b"NSS_BYPASS") };
    IS_LOADED.store(is_kept, Ordering::Release);
    is_kept
}

/// Whether a node is forwarded at once: no rule is about its kind, nobody wants to read of it, and it is not the time to look
/// at the configuration again. This is all that most lookups of most programs cost, so it takes no guard: it has nothing to
/// drop, and calls nothing but a clock.
///
/// # Safety
/// `node` is NULL or a C string.
pub(crate) unsafe fn forwards_node(node: *const c_char) -> bool {
    match known_scope() {
        None => false,
        Some(KNOWN) => true,
        Some(scope) if node.is_null() => scope & NOBODY == 0,
        Some(scope) => {
            // SAFETY: the caller's promise.
            scope & ADDRESSES == 0 && unsafe { is_plainly_an_address(node) }
        }
    }
}

/// The same for lookups of addresses.
pub(crate) fn forwards_addresses() -> bool {
    known_scope().is_some_and(|scope| scope & ADDRESSES == 0)
}

/// Whether what libc answers is to be looked at, as far as is known without a look at the configuration.
pub(crate) fn has_libc_first() -> bool {
    LIBC_FIRST.load(Ordering::Relaxed)
}

fn known_scope() -> Option<u32> {
    let scope = SCOPE.load(Ordering::Relaxed);
    (scope & KNOWN != 0 && now() < NEXT_LOOK.load(Ordering::Relaxed)).then_some(scope)
}

/// Time since some moment, in units of which there are [`LOOK_EVERY`] in a second: seconds, and nanoseconds behind them, so
/// that nothing is to be divided.
fn now() -> u64 {
    let now = clock::coarse();
    now.as_secs() << 30 | u64::from(now.subsec_nanos())
}

/// The rules in force; none where everything passes. The configuration is looked at again at most once a second.
pub(crate) fn rules() -> Option<Arc<ActiveRules>> {
    fault::point();
    let settings = settings();
    if settings.disabled {
        NEXT_LOOK.swap(u64::MAX, Ordering::Relaxed);
        SCOPE.swap(KNOWN, Ordering::Relaxed);
        return None;
    }
    let now = now();
    let due = NEXT_LOOK.load(Ordering::Relaxed);
    // Whoever moves the time looks; the others go on with the rules that they have.
    let next = now.saturating_add(LOOK_EVERY);
    let looks = now >= due && NEXT_LOOK.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    let in_force = if looks { None } else { RULES.read() };
    // Without any yet, another thread is looking for the first time. Its rules may not be there for a while.
    let rules = in_force.or_else(|| look(settings))?;
    (!rules.policy.is_empty() || rules.policy.log().is_some()).then_some(rules)
}

/// Reads the configuration if it is another than the one in force, and says what is in force then.
fn look(settings: &Settings) -> Option<Arc<ActiveRules>> {
    fault::point();
    let path = settings.configuration.as_ref();
    let in_force = RULES.read();
    if let Some(rules) = &in_force {
        let identity = file::identity(path);
        // After chroot(2) the rules stay, unless the new root has some of its own.
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
            let Scope { names, addresses, nobody, libc_first } = rules.policy.scope();
            let bits = [(names, NAMES), (addresses, ADDRESSES), (nobody, NOBODY)];
            let scope = bits.iter().filter(|(is, _)| *is).fold(KNOWN, |scope, (_, bit)| scope | bit);
            // Who wants to read of every lookup gets the long way. (Swapped, since helgrind knows no other atomic write.)
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
        // They cannot be stored just now: the old ones stay for another second, and where there are none, these are for
        // this lookup. No name that they match may be libc's meanwhile.
        Err(rules) => RULES.read().or_else(|| Some(Arc::new(rules))),
    }
}
