//! Rules that are valid, but have no effect.

pub(crate) mod cover;
pub(crate) mod finding;
pub(crate) mod here;
pub(crate) mod options;
pub(crate) mod rules;
pub(crate) mod source;
pub(crate) mod words;
