//! What an exchange gives.

/// The answers to one or two questions, in the order in which they came. Empty: none that can be used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::dns) struct Replies {
    pub(in crate::dns) first: Vec<u8>,
    pub(in crate::dns) second: Vec<u8>,
}
