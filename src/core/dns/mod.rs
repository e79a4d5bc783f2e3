//! DNS, as in glibc's `dns` module (resolv/nss_dns/dns-host.c).
//!
//! `lookup` is the entry point: `search` applies the search list, `message` writes queries and reads responses,
//! `exchange` sends and receives them, and `answer` extracts the addresses.

mod answer;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host_alias;
#[cfg(test)]
mod lifetimes;
mod lookup;
mod message;
mod parameters;
mod search;

pub use lookup::{DnsLookup, Outcome, lookup};
pub use parameters::Parameters;
