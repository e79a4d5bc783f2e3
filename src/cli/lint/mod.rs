//! Rules that are right and do nothing.

pub(crate) mod cover;
pub(crate) mod finding;
pub(crate) mod here;
pub(crate) mod options;
pub(crate) mod rules;
pub(crate) mod source;
pub(crate) mod words;
