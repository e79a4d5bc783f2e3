//! The rules and the resolver of nss-bypass.
//!
//! In the order in which they build on each other: [`model`] is the vocabulary; [`sys`] alone touches the system;
//! [`files`] has the parsers of the system's files and [`tables`] what they say now; [`rules`] decide which names are
//! answered here, and [`settings`] say where they are read from; [`dns`] asks name servers; [`cache`] holds their answers; [`resolve`] puts it all together.

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
