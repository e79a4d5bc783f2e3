//! The rules and the resolver of nss-bypass.
//!
//! Read it in this order: [`name`] and [`lookup`] are the words; [`pattern`], [`config`] and [`policy`] decide which
//! names are ours, and [`trust`] whose configuration counts; [`files`] and [`dns`] know where answers come from;
//! [`resolution`], [`network`], [`tables`], [`cache`], [`order`] and [`engine`] put them together; [`sys`] alone touches
//! the system. Nobody lower calls anybody higher.

#![deny(unsafe_code)]

pub mod name;
pub mod lookup;

mod hash;
pub mod pattern;
pub mod config;
pub mod policy;
pub mod trust;

pub mod files;
pub mod dns;

pub mod resolution;
pub mod network;
pub mod tables;
pub mod cache;
pub mod order;
pub mod engine;

pub mod sys;
