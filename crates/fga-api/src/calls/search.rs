//! `AuthZEN`'s searches (Authorization API 1.0): for subjects, resources or actions that an
//! evaluation would say yes to. They come in one order, page by page.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use ztag_fga::{
    CheckRequest, Error, ErrorCode, Fields, ListObjectsRequest, ListUsersRequest, ListedUser,
    Model, Store, UserFilter,
};

use crate::calls::authzen::{Action, Entity, context};
use crate::calls::lists::Turns;
use crate::calls::{Asked, read_token, token_after};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::rule::{Rule, required};
use crate::wire::{self, or_default};

/// Results of a page at the most.
const MAX_PAGE: usize = 1000;

/// What is looked for is what the question leaves open.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Search {
    subject: Option<Entity>,
    resource: Option<Entity>,
    action: Option<Action>,
    context: Option<Fields>,
    #[serde(deserialize_with = "or_default")]
    page: Page,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    #[serde(deserialize_with = "or_default")]
    token: String,
    limit: Option<usize>,
}

impl Search {
    fn read(asked: &Asked<'_>) -> Result<(Self, Arc<Model>), Failure> {
        Ok((wire::read(&asked.body)?, asked.model(None)?))
    }

    fn subject(&self, message: &str) -> Result<&Entity, Failure> {
        let subject = required(message, "Subject", self.subject.as_ref())?;
        Rule::Type.check("Subject", "Type", &subject.kind)?;
        Ok(subject)
    }

    fn resource(&self, message: &str) -> Result<&Entity, Failure> {
        let resource = required(message, "Resource", self.resource.as_ref())?;
        Rule::Type.check("Resource", "Type", &resource.kind)?;
        Ok(resource)
    }

    fn action(&self, message: &str) -> Result<&Action, Failure> {
        let action = required(message, "Action", self.action.as_ref())?;
        Rule::Relation.check("Action", "Name", &action.name)?;
        Ok(action)
    }

    /// The parameters of conditions.
    fn context(&self) -> Fields {
        let of = |entity: &Option<Entity>| entity.clone().unwrap_or_default().properties;
        let action = self.action.clone().unwrap_or_default().properties;
        let own = self.context.clone().unwrap_or_default();
        context(of(&self.subject), of(&self.resource), action, own)
    }
}

/// `POST access/v1/search/subject`.
pub(crate) async fn subjects(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let (search, model) = Search::read(asked)?;
    let message = asked.message();
    let kind = search.subject(message)?.kind.clone();
    let request = ListUsersRequest {
        model: Some(model.id().clone()),
        object: search.resource(message)?.name(),
        relation: search.action(message)?.name.clone(),
        filter: UserFilter {
            type_name: kind.clone(),
            relation: None,
        },
        contextual_tuples: Vec::new(),
        context: search.context(),
    };
    let store = Arc::clone(&asked.store);
    let users = turns.run(move || store.list_users(&request)).await?;
    let users = users.iter().map(ListedUser::to_user).collect();
    search.page.reply(users, &model, |user| entity(&kind, user))
}

/// `POST access/v1/search/resource`.
pub(crate) async fn resources(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let (search, model) = Search::read(asked)?;
    let message = asked.message();
    let kind = search.resource(message)?.kind.clone();
    let request = ListObjectsRequest {
        model: Some(model.id().clone()),
        type_name: kind.clone(),
        relation: search.action(message)?.name.clone(),
        user: search.subject(message)?.name(),
        contextual_tuples: Vec::new(),
        context: search.context(),
    };
    let store = Arc::clone(&asked.store);
    let objects = turns
        .run(move || store.list_objects(&request))
        .await?
        .objects;
    search
        .page
        .reply(objects, &model, |object| entity(&kind, object))
}

/// `POST access/v1/search/action`.
pub(crate) async fn actions(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let (search, model) = Search::read(asked)?;
    let message = asked.message();
    let (user, resource) = (search.subject(message)?.name(), search.resource(message)?);
    let question = CheckRequest {
        model: Some(model.id().clone()),
        user,
        relation: String::new(),
        object: resource.name(),
        contextual_tuples: Vec::new(),
        context: search.context(),
    };
    let (kind, spec) = (resource.kind.clone(), Arc::clone(&model));
    let store = Arc::clone(&asked.store);
    let names = turns
        .run(move || permitted(&store, &spec, &kind, question))
        .await?;
    search
        .page
        .reply(names, &model, |name| json!({ "name": name }))
}

/// The relations of a type that the question says yes to. Those that cannot be told are not among
/// them.
fn permitted(
    store: &Store,
    model: &Model,
    kind: &str,
    mut question: CheckRequest,
) -> Result<Vec<String>, Error> {
    let mut types = model.spec().type_definitions.iter();
    let Some(kind) = types.find(|own| own.name == kind) else {
        let message = format!("type '{kind}' not found");
        return Err(Error::new(ErrorCode::Validation, message));
    };
    let mut names = Vec::new();
    for relation in kind.relations.keys() {
        question.relation.clone_from(relation);
        if store.check(&question) == Ok(true) {
            names.push(relation.clone());
        }
    }
    Ok(names)
}

impl Page {
    /// The results behind those of the page before, in the order of their names.
    fn reply(
        &self,
        mut names: Vec<String>,
        model: &Model,
        tell: impl Fn(&str) -> Json,
    ) -> Result<Reply, Failure> {
        names.sort_unstable();
        if let Some(last) = read_token(&self.token)? {
            names.retain(|name| *name > last);
        }
        let limit = self.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let has_more = names.len() > limit;
        names.truncate(limit);
        let last = names.last().filter(|_| has_more);
        let next = last.map(|name| token_after(name)).unwrap_or_default();
        let results: Vec<_> = names.iter().map(|name| tell(name)).collect();
        let page = json!({"next_token": next, "count": results.len()});
        let reply = Reply::json(&json!({"results": results, "page": page}))?;
        Ok(reply.by_model(model.id().as_str()))
    }
}

/// `type:id` as a type and an id.
fn entity(kind: &str, name: &str) -> Json {
    let id = name.split_once(':').map_or(name, |(_, id)| id);
    json!({"type": kind, "id": id})
}
