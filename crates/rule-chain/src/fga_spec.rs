//! `fga:` of a rule, as written: what a store of relationships is asked.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What a store of relationships is asked, before the backend is.
///
/// User, relation and object are templates. What they print must keep the form they are written in:
/// a value can neither make a userset or a wildcard of a user, nor another type of an object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaSpec {
    /// The store: a key of `fgaStores`.
    pub store: String,
    /// Who: `type:id`, `type:id#relation` or `type:*`. Also for the entries of `all`, `any` and
    /// `listObjects` that name nobody.
    #[schemars(extend("examples" = ["user:{{ auth.input.jwt.claims.sub }}"]))]
    pub user: Option<String>,
    /// The relation that the user must have to the object.
    pub relation: Option<String>,
    /// To what: `type:id`. Also for the entries of `all` and `any` that name nothing.
    #[schemars(extend("examples" = ["document:{{ variables.local.document }}"]))]
    pub object: Option<String>,
    /// Checks of which all must be answered with yes, instead of the single one.
    #[schemars(length(max = 50))]
    pub all: Vec<FgaCheckSpec>,
    /// Checks of which one must be answered with yes, instead of the single one or beside `all`.
    #[schemars(length(max = 50))]
    pub any: Vec<FgaCheckSpec>,
    /// Objects to list, which decides nothing: `fga.objects` and `fga.ids` are for exports.
    pub list_objects: Option<FgaListSpec>,
    /// Tuples to assume besides those stored; 100 at the most.
    pub contextual_tuples: Vec<FgaTupleSpec>,
    /// Parameters of conditions by name: templates or CEL.
    pub context: BTreeMap<String, String>,
    /// Whether a remembered answer of a remote store will do. Stores of this process are always
    /// asked anew.
    pub consistency: FgaConsistency,
    /// Whether a no turns the request away. `false` leaves it to `conditions`, which read
    /// `fga.allowed` and `fga.results`.
    pub enforce: bool,
}

impl Default for FgaSpec {
    fn default() -> Self {
        Self {
            store: String::new(),
            user: None,
            relation: None,
            object: None,
            all: Vec::new(),
            any: Vec::new(),
            list_objects: None,
            contextual_tuples: Vec::new(),
            context: BTreeMap::new(),
            consistency: FgaConsistency::default(),
            enforce: true,
        }
    }
}

/// One check of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaCheckSpec {
    /// Who, where it is not the `user` above.
    pub user: Option<String>,
    /// The relation, where it is not the one above.
    pub relation: Option<String>,
    /// To what, where it is not the `object` above.
    pub object: Option<String>,
}

/// Which objects to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaListSpec {
    /// Who, where it is not the `user` above.
    pub user: Option<String>,
    /// The relation.
    pub relation: String,
    /// The type of the objects.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// A tuple to assume, or one for each item of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaTupleSpec {
    /// A list, as CEL: one tuple for each of its items, which the templates read as `item`.
    #[schemars(extend("examples" = ["auth.input.jwt.claims.groups"]))]
    pub each: Option<String>,
    /// Who.
    pub user: String,
    /// The relation.
    pub relation: String,
    /// To what.
    pub object: String,
    /// When.
    pub condition: Option<FgaConditionSpec>,
}

/// A condition that a tuple to assume depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FgaConditionSpec {
    /// A condition of the model.
    pub name: String,
    /// Parameters that the tuple fixes, by name: templates or CEL.
    pub context: BTreeMap<String, String>,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FgaConsistency {
    /// A remembered answer will do.
    #[default]
    MinimizeLatency,
    /// As of the latest write.
    HigherConsistency,
}
