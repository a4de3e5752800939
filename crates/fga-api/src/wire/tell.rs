//! Answers.

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use ztag_fga::{
    Assertion, BatchCheckResult, Branch, Error, Fields, ListedUser, StoredTuple, Tree, Tuple,
    TupleChange,
};
use ztag_fga_store::NamedStore;

use crate::wire::time;

#[derive(Debug, Serialize)]
pub(crate) struct StoreBody<'a> {
    id: &'a str,
    name: &'a str,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
}

impl<'a> From<&'a NamedStore> for StoreBody<'a> {
    fn from(store: &'a NamedStore) -> Self {
        Self {
            id: store.id().as_str(),
            name: store.name(),
            created_at: time(store.created()),
            updated_at: time(store.created()),
            deleted_at: None,
        }
    }
}

/// A tuple with all its fields.
#[derive(Debug, Serialize)]
pub(crate) struct Key<'a> {
    user: &'a str,
    relation: &'a str,
    object: &'a str,
    condition: Option<ConditionBody<'a>>,
}

#[derive(Debug, Serialize)]
struct ConditionBody<'a> {
    name: &'a str,
    context: Fields,
}

impl<'a> From<&'a Tuple> for Key<'a> {
    fn from(tuple: &'a Tuple) -> Self {
        let condition = tuple.condition.as_ref().map(|condition| ConditionBody {
            name: &condition.name,
            context: condition.context.clone().unwrap_or_default(),
        });
        Self {
            user: &tuple.user,
            relation: &tuple.relation,
            object: &tuple.object,
            condition,
        }
    }
}

pub(crate) fn stored(tuple: &StoredTuple) -> Json {
    json!({"key": Key::from(&tuple.tuple), "timestamp": time(tuple.written)})
}

pub(crate) fn change(change: &TupleChange) -> Json {
    let operation = if change.is_delete {
        "TUPLE_OPERATION_DELETE"
    } else {
        "TUPLE_OPERATION_WRITE"
    };
    json!({
        "tuple_key": Key::from(&change.tuple),
        "operation": operation,
        "timestamp": time(change.at),
    })
}

pub(crate) fn assertion(assertion: &Assertion) -> Json {
    let Tuple {
        user,
        relation,
        object,
        ..
    } = &assertion.tuple_key;
    let contextual = assertion.contextual_tuples.iter().map(Key::from);
    json!({
        "tuple_key": {"object": object, "relation": relation, "user": user},
        "expectation": assertion.expectation,
        "contextual_tuples": contextual.collect::<Vec<_>>(),
        "context": assertion.context,
    })
}

/// The answer to a check.
#[derive(Debug, Serialize)]
pub(crate) struct CheckBody {
    allowed: bool,
    /// Always empty.
    resolution: &'static str,
}

impl CheckBody {
    pub(crate) const fn of(allowed: bool) -> Self {
        Self {
            allowed,
            resolution: "",
        }
    }
}

/// The answers of a batch by their names.
#[derive(Debug, Serialize)]
pub(crate) struct BatchBody<'a> {
    #[serde(serialize_with = "by_name")]
    pub(crate) result: &'a [BatchCheckResult],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SingleResult<'a> {
    Allowed(bool),
    Error(CheckError<'a>),
}

#[derive(Serialize)]
struct CheckError<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_error: Option<&'a str>,
    message: &'a str,
}

impl<'a> From<&'a Error> for CheckError<'a> {
    fn from(error: &'a Error) -> Self {
        let code = Some(error.code().as_str());
        let is_ours = error.code().http_status() >= 500;
        Self {
            input_error: code.filter(|_| !is_ours),
            internal_error: code.filter(|_| is_ours),
            message: error.message(),
        }
    }
}

fn by_name<S: Serializer>(results: &&[BatchCheckResult], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(results.iter().map(|result| {
        let single = match &result.allowed {
            Ok(allowed) => SingleResult::Allowed(*allowed),
            Err(error) => SingleResult::Error(error.into()),
        };
        (&result.correlation_id, single)
    }))
}

pub(crate) fn user(user: &ListedUser) -> Json {
    match user {
        ListedUser::Object(name) => {
            let (kind, id) = name.split_once(':').unwrap_or_default();
            json!({"object": {"type": kind, "id": id}})
        }
        ListedUser::Userset(name) => {
            let (object, relation) = name.rsplit_once('#').unwrap_or_default();
            let (kind, id) = object.split_once(':').unwrap_or_default();
            json!({"userset": {"type": kind, "id": id, "relation": relation}})
        }
        ListedUser::Wildcard(kind) => json!({"wildcard": {"type": kind}}),
    }
}

/// A tree as `Expand` answers it.
pub fn node(tree: &Tree) -> Json {
    let name = &tree.name;
    let nodes = |parts: &[Tree]| parts.iter().map(node).collect::<Vec<_>>();
    match &tree.branch {
        Branch::Users(users) => json!({"name": name, "leaf": {"users": {"users": users}}}),
        Branch::Computed(userset) => {
            json!({"name": name, "leaf": {"computed": {"userset": userset}}})
        }
        Branch::TupleToUserset { tupleset, computed } => {
            let computed = computed.iter().map(|userset| json!({"userset": userset}));
            let computed: Vec<_> = computed.collect();
            let both = json!({"tupleset": tupleset, "computed": computed});
            json!({"name": name, "leaf": {"tupleToUserset": both}})
        }
        Branch::Union(parts) => json!({"name": name, "union": {"nodes": nodes(parts)}}),
        Branch::Intersection(parts) => {
            json!({"name": name, "intersection": {"nodes": nodes(parts)}})
        }
        Branch::Difference(pair) => {
            let [base, subtract] = &**pair;
            let both = json!({"base": node(base), "subtract": node(subtract)});
            json!({"name": name, "difference": both})
        }
    }
}
