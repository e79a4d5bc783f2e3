//! The rules and the resolver of nss-bypass.
//!
//! In the order in which the modules depend on each other: [`model`] defines the vocabulary; [`sys`] is the only module
//! that makes system calls; [`files`] parses the system's configuration files, and [`tables`] holds their current
//! contents; [`rules`] decide which names are answered by nss-bypass, and [`settings`] say where the rules are read
//! from; [`dns`] queries name servers; [`cache`] stores their answers; [`resolve`] combines all of these.

#![deny(unsafe_code)]

pub mod model;
mod hash;
pub mod sys;
pub mod files;
pub mod network;
pub mod tables;
pub mod rules;
pub mod settings;
pub mod dns;
pub mod cache;
pub mod resolve;
