//! What one lookup goes by.

use crate::cache::View;
use crate::rules::rule::Answering;
use crate::tables::Tables;

/// The system's files, the rule, and the cache.
pub(super) struct Context<'a> {
    pub(super) tables: &'a Tables,
    pub(super) answering: &'a Answering,
    /// None: nothing is cached.
    pub(super) cache: Option<View<'a>>,
}
