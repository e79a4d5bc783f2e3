//! Rules that are right and do nothing.

pub(crate) mod cover;
pub(crate) mod rules;
