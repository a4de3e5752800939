//! What one store accepts and spends. The defaults are `OpenFGA`'s.

use std::time::Duration;

/// Which of `OpenFGA`'s resolvers to answer as.
///
/// The weighted graph refuses models that the recursive resolver accepts: whose parents lack the
/// relation asked of them, or that recur through an intersection or exclusion. It finds usersets by
/// tuples that name them only, refuses to check them through an exclusion (for all of a type also
/// through an intersection), and knows no depth at which a question is too complex. Taking away a
/// circle takes nobody away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// The recursive resolver.
    #[default]
    V1,
    /// The weighted graph.
    Weighted,
}

/// Bounds on requests, models and work.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Which resolver to answer as; nothing that is written goes with it.
    pub semantics: Semantics,
    /// Types of one model.
    pub types_per_model: usize,
    /// Bytes of one model as JSON.
    pub model_bytes: usize,
    /// Conditions of one model.
    pub conditions_per_model: usize,
    /// Parameters of one condition.
    pub parameters_per_condition: usize,
    /// Bytes of the expression of one condition.
    pub condition_bytes: usize,
    /// Writes and deletes of one call.
    pub tuples_per_write: usize,
    /// Changes of one edit that is none of `OpenFGA`'s: a deletion by filter, a relation replaced.
    pub changes_per_edit: usize,
    /// Contextual tuples of one request.
    pub contextual_tuples: usize,
    /// Checks of one batch.
    pub checks_per_batch: usize,
    /// Bytes of the stored context of one tuple, as JSON.
    pub tuple_context_bytes: usize,
    /// Dispatches through usersets and parents on the way to an answer. At most 64. Does not count
    /// for [`Semantics::Weighted`].
    pub resolution_depth: u8,
    /// Subproblems that one request may open before it is refused as too complex.
    pub resolution_nodes: usize,
    /// Objects that `list_objects` returns; streams are not capped.
    pub listed_objects: usize,
    /// Users that `list_users` returns.
    pub listed_users: usize,
    /// Assertions of one model.
    pub assertions: usize,
    /// Contextual tuples of one assertion.
    pub contextual_tuples_per_assertion: usize,
    /// Bytes of the assertions of one model, as JSON.
    pub assertion_bytes: usize,
    /// Age that a change must have before `read_changes` shows it.
    pub changes_horizon: Duration,
    /// Models kept; the oldest is forgotten when one more is written.
    pub models: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            semantics: Semantics::V1,
            types_per_model: 100,
            model_bytes: 256 * 1024,
            conditions_per_model: 25,
            parameters_per_condition: 25,
            condition_bytes: 512,
            tuples_per_write: 100,
            changes_per_edit: 1000,
            contextual_tuples: 100,
            checks_per_batch: 50,
            tuple_context_bytes: 32 * 1024,
            resolution_depth: 25,
            resolution_nodes: 1_000_000,
            listed_objects: 1000,
            listed_users: 1000,
            assertions: 100,
            contextual_tuples_per_assertion: 20,
            assertion_bytes: 64_000,
            changes_horizon: Duration::ZERO,
            models: 1000,
        }
    }
}
