//! The verbs, with one file for each.

pub(crate) mod answers;
pub(crate) mod check;
pub(crate) mod disable;
pub(crate) mod doctor;
pub(crate) mod enable;
pub(crate) mod explain;
pub(crate) mod launch;
pub(crate) mod learn;
pub(crate) mod lookups;
pub(crate) mod run;
pub(crate) mod status;
