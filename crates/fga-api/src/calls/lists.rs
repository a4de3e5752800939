//! Questions about many objects or users. They run beside the worker, so that a long one does not
//! hold up the short ones of others.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use ztag_fga::{Error, ListObjectsRequest, ListUsersRequest, Store, UserFilter};

use crate::calls::Asked;
use crate::failure::Failure;
use crate::reply::{Line, Reply, ReplyBody};
use crate::rule::{Rule, required};
use crate::wire::tuple::tuples;
use crate::wire::{self, ask, tell};

/// How long a list may wait for its turn, and how long it may look for objects.
const PATIENCE: Duration = Duration::from_secs(3);
/// Lines that wait for a client to take them.
const LINES: usize = 64;
/// Bytes of a user.
const MAX_USER: usize = 512;

/// Turns to run a list. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    async fn take(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok);
        turn.ok_or_else(|| Failure::throttled("timeout due to throttling on complex request"))
    }

    /// Runs `work` beside the worker when it is its turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.take().await?;
        let done = spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        let done = done.await;
        Ok(done.map_err(|_| Failure::internal("Internal Server Error"))??)
    }
}

/// `POST list-objects`.
pub(crate) async fn objects(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let request = objects_request(asked).await?;
    let model = request.model.clone();
    let store = Arc::clone(&asked.store);
    let objects = turns.run(move || within_patience(&store, &request)).await?;
    let reply = Reply::json(&json!({ "objects": objects }))?;
    Ok(reply.by_model(model.as_ref().map_or("", |id| id.as_str())))
}

/// As many objects as the limit allows and can be found in time.
fn within_patience(store: &Store, request: &ListObjectsRequest) -> Result<Vec<String>, Error> {
    let limit = store.limits().listed_objects;
    let end = Instant::now() + PATIENCE;
    let mut objects = Vec::new();
    store.stream_objects(request, |object| {
        objects.push(object);
        if objects.len() < limit && Instant::now() < end {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(objects)
}

/// `POST streamed-list-objects`: one line of JSON for each object, as it is found.
pub(crate) async fn stream(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let request = objects_request(asked).await?;
    let model = request.model.clone();
    let store = Arc::clone(&asked.store);
    let turn = turns.take().await?;
    let (sender, mut lines) = mpsc::channel(LINES);
    spawn_blocking(move || {
        let _turn = turn;
        write_lines(&store, &request, &sender);
    });
    // A call that fails before it finds anything fails as a whole.
    let first = match lines.recv().await {
        Some(Line::Failed(failure)) => return Err(failure),
        first => first,
    };
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    let reply = Reply {
        status: StatusCode::OK,
        headers,
        body: ReplyBody::lines(first, lines),
    };
    Ok(reply.by_model(model.as_ref().map_or("", |id| id.as_str())))
}

/// Looks for objects until the client is gone.
fn write_lines(store: &Store, request: &ListObjectsRequest, sender: &mpsc::Sender<Line>) {
    let end = store.stream_objects(request, |object| {
        let line = format!("{}\n", json!({"result": {"object": object}}));
        match sender.blocking_send(Line::Found(line.into())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    if let Err(error) = end {
        // Whoever is gone does not need to know.
        let _ = sender.blocking_send(Line::Failed(error.into()));
    }
}

/// Reads the request of both calls that list objects.
async fn objects_request(asked: &Asked<'_>) -> Result<ListObjectsRequest, Failure> {
    let message = asked.message();
    let spec: ask::ListObjects = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(message)?;
    Rule::Type.check(message, "Type", &spec.type_name)?;
    Rule::Relation.check(message, "Relation", &spec.relation)?;
    if !(1..=MAX_USER).contains(&spec.user.len()) {
        let reason = format!("value length must be between 1 and {MAX_USER} bytes, inclusive");
        return Err(Failure::field(message, "User", &reason));
    }
    let contextual_tuples = tuples(spec.contextual_tuples.tuple_keys)?;
    asked.freshen(spec.consistency).await?;
    let model = asked.model(id.as_ref())?;
    Ok(ListObjectsRequest {
        model: Some(model.id().clone()),
        type_name: spec.type_name,
        relation: spec.relation,
        user: spec.user,
        contextual_tuples,
        context: spec.context,
    })
}

/// `POST list-users`.
pub(crate) async fn users(asked: &Asked<'_>, turns: &Turns) -> Result<Reply, Failure> {
    let request = users_request(asked).await?;
    let model = request.model.clone();
    let store = Arc::clone(&asked.store);
    let users = turns.run(move || store.list_users(&request)).await?;
    let users: Vec<_> = users.iter().map(tell::user).collect();
    let reply = Reply::json(&json!({ "users": users }))?;
    Ok(reply.by_model(model.as_ref().map_or("", |id| id.as_str())))
}

async fn users_request(asked: &Asked<'_>) -> Result<ListUsersRequest, Failure> {
    let message = asked.message();
    let spec: ask::ListUsers = wire::read(&asked.body)?;
    let id = spec.authorization_model_id.id(message)?;
    let object = required(message, "Object", spec.object)?;
    Rule::Type.check("Object", "Type", &object.type_name)?;
    Rule::Relation.check(message, "Relation", &spec.relation)?;
    let [filter] = spec.user_filters.as_slice() else {
        let reason = "value must contain exactly 1 item(s)";
        return Err(Failure::field(message, "UserFilters", reason));
    };
    Rule::Type.check("UserTypeFilter", "Type", &filter.type_name)?;
    Rule::Relation.check_given("UserTypeFilter", "Relation", &filter.relation)?;
    let contextual_tuples = tuples(spec.contextual_tuples)?;
    asked.freshen(spec.consistency).await?;
    let model = asked.model(id.as_ref())?;
    Ok(ListUsersRequest {
        model: Some(model.id().clone()),
        object: format!("{}:{}", object.type_name, object.id),
        relation: spec.relation,
        filter: UserFilter {
            type_name: filter.type_name.clone(),
            relation: Some(filter.relation.clone()).filter(|relation| !relation.is_empty()),
        },
        contextual_tuples,
        context: spec.context,
    })
}
