//! `filterItems` of a route, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Leaves out of the JSON that an upstream answers with what its client may not see: each item of a
/// list is asked for in a store of relationships.
///
/// A response that cannot be reduced so is not passed on (502): another content type, an encoded or
/// too large body, no such list, a store that does not answer. Whatever else the response says, such
/// as a total, is passed on as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ItemFilterSpec {
    /// The store: a key of `fgaStores`.
    pub store: String,
    /// Where the list is, as a JSON pointer (RFC 6901), such as `/documents`; empty for the whole body.
    pub items: String,
    /// Who sees the list: a template that reads `identity` (the fields that the endpoint's reply to a
    /// pass sets, by name), `token.claims` and `request`.
    #[schemars(extend("examples" = ["user:{{ token.claims.sub }}"]))]
    pub user: String,
    /// The relation that the user must have to an item.
    pub relation: String,
    /// The object that an item stands for: a template that also reads `item`. An item that gives none
    /// is left out.
    #[schemars(extend("examples" = ["document:{{ item.id }}"]))]
    pub object: String,
    /// Most bytes of a body, which is held in memory.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_body_bytes: usize,
    /// Most items of the list.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_items: usize,
}

impl Default for ItemFilterSpec {
    fn default() -> Self {
        Self {
            store: String::new(),
            items: String::new(),
            user: String::new(),
            relation: String::new(),
            object: String::new(),
            max_body_bytes: 1024 * 1024,
            max_items: 1_000,
        }
    }
}
