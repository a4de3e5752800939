//! Store test files (`store.fga.yaml`): a model, tuples, and what checks and lists should answer;
//! and tuples as tables write them. Which text they are read from is the caller's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tuple::{Fields, Tuple, TupleCondition};

/// A store test file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreFile {
    /// The name of the store.
    pub name: Option<String>,
    /// The model in the modelling language; it comes before `model_file`.
    pub model: Option<String>,
    /// The file of the model, `.fga` or `fga.mod`, beside this file.
    pub model_file: Option<String>,
    /// Tuples of all tests.
    pub tuples: Vec<Tuple>,
    /// A file of more of them.
    pub tuple_file: Option<String>,
    /// Files of more of them.
    pub tuple_files: Vec<String>,
    /// The tests.
    pub tests: Vec<StoreTest>,
}

/// One test.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreTest {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Tuples of this test alone.
    pub tuples: Vec<Tuple>,
    /// A file of more of them.
    pub tuple_file: Option<String>,
    /// Checks and their answers.
    pub check: Vec<CheckCase>,
    /// Lists of objects.
    pub list_objects: Vec<ListObjectsCase>,
    /// Lists of users.
    pub list_users: Vec<ListUsersCase>,
}

/// Checks of every user, object and relation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckCase {
    /// The user.
    pub user: Option<String>,
    /// Or users.
    pub users: Vec<String>,
    /// The object.
    pub object: Option<String>,
    /// Or objects.
    pub objects: Vec<String>,
    /// Parameters of conditions.
    pub context: Fields,
    /// Relations and their answers.
    pub assertions: BTreeMap<String, bool>,
}

/// Lists of objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListObjectsCase {
    /// The user.
    pub user: String,
    /// The type of the objects.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Parameters of conditions.
    pub context: Fields,
    /// Relations and the objects.
    pub assertions: BTreeMap<String, Vec<String>>,
}

/// Lists of users.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListUsersCase {
    /// The object.
    pub object: String,
    /// Which users: one filter.
    pub user_filter: Vec<UserFilterSpec>,
    /// Parameters of conditions.
    pub context: Fields,
    /// Relations and the users.
    pub assertions: BTreeMap<String, ExpectedUsers>,
}

/// Which users to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserFilterSpec {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The relation of usersets.
    pub relation: Option<String>,
}

/// Users expected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedUsers {
    /// As tuples write them.
    pub users: Vec<String>,
}

/// A tuple as a line of a table, under the headings that `OpenFGA`'s own tool uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TupleRow {
    /// Type of the user.
    pub user_type: String,
    /// Id of the user.
    pub user_id: String,
    /// Relation of a userset; empty for anybody else.
    pub user_relation: String,
    /// The relation.
    pub relation: String,
    /// Type of the object.
    pub object_type: String,
    /// Id of the object.
    pub object_id: String,
    /// The condition; empty for none.
    pub condition_name: String,
    /// What the tuple fixes of it, as JSON; empty for nothing.
    pub condition_context: String,
}

impl TryFrom<TupleRow> for Tuple {
    type Error = serde_json::Error;

    fn try_from(row: TupleRow) -> Result<Self, Self::Error> {
        let set = match row.user_relation.as_str() {
            "" => String::new(),
            relation => format!("#{relation}"),
        };
        let context = match row.condition_context.as_str() {
            "" => None,
            text => Some(serde_json::from_str(text)?),
        };
        let condition = Some(row.condition_name).filter(|name| !name.is_empty());
        Ok(Self {
            user: format!("{}:{}{set}", row.user_type, row.user_id),
            relation: row.relation,
            object: format!("{}:{}", row.object_type, row.object_id),
            condition: condition.map(|name| TupleCondition { name, context }),
        })
    }
}

impl From<&Tuple> for TupleRow {
    fn from(tuple: &Tuple) -> Self {
        let (user, set) = tuple.user.rsplit_once('#').unwrap_or((&tuple.user, ""));
        let split = |name: &str| {
            let (kind, id) = name.split_once(':').unwrap_or((name, ""));
            (kind.to_owned(), id.to_owned())
        };
        let ((user_type, user_id), (object_type, object_id)) = (split(user), split(&tuple.object));
        let condition = tuple.condition.clone().unwrap_or_default();
        let context = condition.context.filter(|context| !context.is_empty());
        let context = context.map(|context| serde_json::Value::Object(context).to_string());
        Self {
            user_type,
            user_id,
            user_relation: set.to_owned(),
            relation: tuple.relation.clone(),
            object_type,
            object_id,
            condition_name: condition.name,
            condition_context: context.unwrap_or_default(),
        }
    }
}

impl StoreFile {
    /// What is wrong with the file as a whole.
    ///
    /// # Errors
    /// A file without model or without tests.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.model.is_none() && self.model_file.is_none() {
            return Err("`model` or `model_file` must be present");
        }
        if self.tests.is_empty() {
            return Err("`tests` must be present");
        }
        Ok(())
    }
}

impl CheckCase {
    /// The users of the case.
    pub fn all_users(&self) -> impl Iterator<Item = &str> {
        self.user.iter().chain(&self.users).map(String::as_str)
    }

    /// The objects of the case.
    pub fn all_objects(&self) -> impl Iterator<Item = &str> {
        self.object.iter().chain(&self.objects).map(String::as_str)
    }
}
