//! The resolver configuration of a thread: resolv.conf, or the settings of the program in the thread's `_res`.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::files::resolv_conf::{Options, ResolvConf, SortEntry};
use crate::sys::resolver_state::{self, State, flag};
use crate::sys::{fork, memory};

/// The limits up to which glibc copies a search list into `_res` (`MAXDNSRCH`, and the size of `defdname`).
const COPIED_DOMAINS: usize = 6;
const COPIED_BYTES: usize = 256;

/// The number of `sortlist` entries that glibc copies (`MAXRESOLVSORT`).
const COPIED_NETWORKS: usize = 10;

/// The number of states of the file that are remembered.
const REMEMBERED: usize = 16;

/// The contents of resolv.conf, and the copy that glibc would make in `_res`.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The settings to use.
    pub conf: ResolvConf,
    copy: State,
    /// The number of this state of the file, in the order in which they were read; `None` for settings of the program.
    pub serial: Option<u64>,
    /// Hashes of the copies of earlier states of the file.
    older: Vec<u64>,
}

/// Whether `_res` has yet to be initialised, which glibc does before the first lookup of a thread. It takes up to a
/// sixth of the time of that lookup, so nss-bypass does it while waiting for the first response or, if there is no
/// query, at the end of the lookup.
#[derive(Debug)]
pub struct Initialisation {
    is_due: Cell<bool>,
}

impl Initialisation {
    pub(super) const fn done() -> Self {
        Self { is_due: Cell::new(false) }
    }

    pub(super) const fn due() -> Self {
        Self { is_due: Cell::new(true) }
    }

    /// Initialises `_res` if that has not been done.
    pub fn complete(&self) {
        if self.is_due.take() {
            initialise();
        }
    }
}

impl Drop for Initialisation {
    fn drop(&mut self) {
        self.complete();
    }
}

/// The memory that glibc needs to initialise `_res`. If glibc has no memory for its first copy of resolv.conf, it never
/// releases a lock.
const MIN_FREE_MEMORY: usize = 64 << 10;

/// Has glibc initialise or update `_res`. Returns `None` if that is not safe now, and `false` if glibc cannot read the
/// file.
pub(super) fn initialise() -> Option<bool> {
    (fork::is_safe_for_locks() && memory::can_have(MIN_FREE_MEMORY)).then(resolver_state::refresh)
}

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new(); // Its keys are fixed, so the kernel is not asked for random ones.
    state.hash(&mut hasher);
    hasher.finish()
}

impl Resolution {
    /// Creates the resolution for the current state of the file, given the previous one.
    pub fn new(conf: ResolvConf, before: Option<&Self>) -> Self {
        let mut older = Vec::new();
        if let Some(before) = before {
            older.push(hash(&before.copy));
            older.extend(before.older.iter().take(REMEMBERED - 1));
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = Some(NEXT.fetch_add(1, Ordering::Relaxed));
        Self { copy: copy(&conf), conf, serial, older }
    }

    /// Returns whether this thread's `_res` agrees with the file.
    pub fn is_copied(&self) -> bool {
        resolver_state::agrees_with(&self.copy)
    }

    /// Returns whether this state of `_res` agrees with the file.
    pub fn is_copied_in(&self, state: &State) -> bool {
        self.copy == *state
    }

    /// Returns whether glibc would abort the process when it copies the file: an assertion in `update_from_conf` fails
    /// if the search list does not fit into `_res`, unless six domains fit, or those that fit take more bytes than the
    /// array of pointers to them (`resolv_conf_matches`).
    pub fn cannot_be_copied_in(&self) -> bool {
        let [all, copied] = [&self.conf.search, &self.copy.search].map(Vec::len);
        let bytes: usize = self.copy.search.iter().map(|domain| domain.len() + 1).sum();
        copied < all.min(COPIED_DOMAINS) && (copied == 0 || bytes <= (COPIED_DOMAINS + 1) * size_of::<usize>())
    }

    /// Returns whether `_res` agrees with an earlier state of the file and is to be updated when the file changes.
    pub fn was_copied_in(&self, state: &State) -> bool {
        state.options & flag::NORELOAD == 0 && self.older.contains(&hash(state))
    }

    /// Returns the settings of the program in `_res`, completed by the file. As in glibc, a program that has changed
    /// neither servers nor domains nor networks keeps the whole search list, of which `_res` contains only the
    /// beginning.
    pub fn with_program_settings(&self, state: &State) -> Self {
        let conf = &self.conf;
        let lists = |state: &State| (state.servers.clone(), state.search.clone(), state.sortlist.clone());
        let keeps_lists = lists(state) == lists(&self.copy);
        let sortlist = || state.sortlist.iter().map(|&(address, mask)| SortEntry { address, mask }).collect();
        let merged = ResolvConf {
            servers: if keeps_lists { conf.servers.clone() } else { state.servers.clone() },
            search: if keeps_lists { conf.search.clone() } else { state.search.clone() },
            sortlist: if keeps_lists { conf.sortlist.clone() } else { sortlist() },
            ndots: state.ndots,
            // With a negative `retrans` there is no waiting, and with a negative `retry` there are no queries.
            timeout: u32::try_from(state.retrans).unwrap_or(0),
            attempts: u32::try_from(state.retry).unwrap_or(0),
            options: options(state.options),
        };
        Self { conf: merged, copy: state.clone(), serial: None, older: Vec::new() }
    }
}

/// Returns the copy that glibc's `update_from_conf` (resolv/resolv_conf.c) makes of the file.
fn copy(conf: &ResolvConf) -> State {
    let mut room = COPIED_BYTES;
    let mut fits = |domain: &[u8]| match room.checked_sub(domain.len() + 1) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    State {
        options: bits(&conf.options),
        retrans: i32::try_from(conf.timeout).unwrap_or(i32::MAX),
        retry: i32::try_from(conf.attempts).unwrap_or(i32::MAX),
        ndots: conf.ndots,
        servers: conf.servers.clone(),
        search: conf.search.iter().take(COPIED_DOMAINS).take_while(|domain| fits(domain)).cloned().collect(),
        sortlist: conf.sortlist.iter().take(COPIED_NETWORKS).map(|entry| (entry.address, entry.mask)).collect(),
    }
}

fn bits(options: &Options) -> u64 {
    let switches = [
        (true, flag::INIT),
        (!options.no_recursion, flag::RECURSE),
        (!options.no_default_names, flag::DEFNAMES),
        (!options.no_search, flag::DNSRCH),
        (options.rotate, flag::ROTATE),
        (options.edns0, flag::USE_EDNS0),
        (options.single_request, flag::SNGLKUP),
        (options.single_request_reopen, flag::SNGLKUPREOP),
        (options.no_tld_query, flag::NOTLDQUERY),
        (options.no_reload, flag::NORELOAD),
        (options.use_vc, flag::USEVC),
        (options.trust_ad, flag::TRUSTAD),
        (options.no_aaaa, flag::NOAAAA),
        (options.strict_error, flag::STRICTERR),
        (options.no_aliases, flag::NOALIASES),
        (options.ignore_truncation, flag::IGNTC),
        (options.dnssec, flag::USE_DNSSEC),
    ];
    switches.iter().filter(|(on, _)| *on).fold(0, |bits, (_, bit)| bits | bit)
}

fn options(bits: u64) -> Options {
    let has = |bit| bits & bit != 0;
    Options {
        rotate: has(flag::ROTATE),
        edns0: has(flag::USE_EDNS0),
        single_request: has(flag::SNGLKUP),
        single_request_reopen: has(flag::SNGLKUPREOP),
        no_tld_query: has(flag::NOTLDQUERY),
        no_reload: has(flag::NORELOAD),
        use_vc: has(flag::USEVC),
        trust_ad: has(flag::TRUSTAD),
        no_aaaa: has(flag::NOAAAA),
        strict_error: has(flag::STRICTERR),
        no_recursion: !has(flag::RECURSE),
        no_default_names: !has(flag::DEFNAMES),
        no_search: !has(flag::DNSRCH),
        no_aliases: has(flag::NOALIASES),
        ignore_truncation: has(flag::IGNTC),
        dnssec: has(flag::USE_DNSSEC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::resolv_conf::{ResolverEnvironment, parse};

    fn resolution(text: &str, before: Option<&Resolution>) -> Resolution {
        let around = ResolverEnvironment {
            localdomain: None,
            res_options: None,
            hostname: b"host",
            scope_id: &|_, _| None,
            minor: 36,
        };
        Resolution::new(parse(Some(text.as_bytes()), &around), before)
    }

    const TEXT: &str = "nameserver 192.0.2.1\nsearch a b c d e f g h\noptions rotate timeout:3 use-vc ndots:2\n";

    #[test]
    fn options_survive_the_way_into_res_and_back() {
        let file = resolution(TEXT, None);
        assert_eq!(options(file.copy.options), file.conf.options);
        assert_eq!(file.with_program_settings(&file.copy).conf, file.conf);
    }

    #[test]
    fn a_wish_about_an_option_leaves_the_lists_whole_and_one_about_servers_does_not() {
        let file = resolution(TEXT, None);
        let mut state = file.copy.clone();
        assert!(file.is_copied_in(&state));
        state.retry = -1;
        assert!(!file.is_copied_in(&state));
        let merged = file.with_program_settings(&state).conf;
        assert_eq!((merged.attempts, merged.search.len(), merged.timeout), (0, 8, 3));
        state.servers.clear();
        let merged = file.with_program_settings(&state).conf;
        assert_eq!((merged.servers.len(), merged.search.len()), (0, 6));
    }

    #[test]
    fn a_copy_of_an_earlier_file_is_known_as_such() {
        let first = resolution("nameserver 192.0.2.1\n", None);
        let second = resolution("nameserver 192.0.2.2\n", Some(&first));
        let third = resolution("nameserver 192.0.2.3\n", Some(&second));
        assert!(third.was_copied_in(&first.copy) && third.was_copied_in(&second.copy));
        assert!(!third.was_copied_in(&third.copy) && !second.was_copied_in(&third.copy));
    }

    #[test]
    fn what_does_not_fit_into_res_is_not_copied() {
        let long = "x".repeat(200);
        let file = resolution(&format!("search {long} {long} short\n"), None);
        assert_eq!((file.conf.search.len(), file.copy.search.len()), (3, 1));
    }

    #[test]
    fn it_is_known_when_glibc_would_end_the_process() {
        let [long, short] = ["x".repeat(300), "y".repeat(55)];
        let ends = |search: &str| resolution(&format!("search {search}\n"), None).cannot_be_copied_in();
        assert!(ends(&long) && ends(&format!("a {long}")) && ends(&format!("{short} {long}")));
        assert!(
            !ends(&format!("{short} b {long}")) && !ends(&format!("a b c d e f {long}")) && !ends("a b") && !ends("")
        );
    }
}
