//! The result of an exchange.

/// The responses to one or two queries, in the order in which they arrived. An empty one is missing or unusable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::dns) struct Replies {
    pub(in crate::dns) first: Vec<u8>,
    pub(in crate::dns) second: Vec<u8>,
}
