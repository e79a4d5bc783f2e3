//! DNS, as glibc's `dns` module of nsswitch.conf does it (resolv/nss_dns/dns-host.c).
//!
//! `lookup` asks: `search` decides which names are asked for, `message` writes questions and reads answers, `exchange`
//! carries them to servers and back, `answer` makes addresses of them.

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

pub use lookup::{Ask, Outcome, lookup};
pub use parameters::Parameters;
