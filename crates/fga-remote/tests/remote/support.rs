//! Remote stores of servers on the loopback interface.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use ztag_backend::{Client, ClientSpec, TlsMaterial};
use ztag_fga_remote::{
    Answers, Authority, Check, Given, RemoteDeps, RemoteSpec, RemoteStore, Undecided,
};
use ztag_test_support::{MockServer, Recorded, Reply};
use ztag_token::client::{KeyFiles, OutboundDeps, TokenStores};
use ztag_types::{Clock, ConfigPath, Diagnostic, Findings};

pub(crate) const STORE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Compiles a store that `spec` describes.
pub(crate) fn compile(spec: Json, clock: &Arc<dyn Clock>) -> Result<RemoteStore, Vec<Diagnostic>> {
    let spec: RemoteSpec = serde_json::from_value(spec).unwrap();
    let client = Client::new(&ClientSpec::default(), TlsMaterial::none());
    let client = Arc::new(client.unwrap());
    let stores = TokenStores::new(Arc::clone(&client), Arc::clone(clock));
    let files = KeyFiles::load([], Path::new("."));
    let deps = RemoteDeps {
        client: &client,
        tokens: OutboundDeps {
            stores: &stores,
            identity: None,
            files: &files,
        },
        clock,
    };
    let mut findings = Findings::new();
    let store = RemoteStore::compile(&spec, deps, &ConfigPath::root(), &mut findings);
    store.ok_or_else(|| findings.into_vec())
}

/// The authority of the store `id` at `address`, with `change` to its settings.
pub(crate) fn remote(
    address: SocketAddr,
    id: &str,
    change: Json,
    clock: &Arc<dyn Clock>,
) -> Authority {
    let mut spec = json!({ "url": format!("http://{address}"), "storeId": id });
    let own = spec.as_object_mut().unwrap();
    if let Json::Object(change) = change {
        own.extend(change);
    }
    let store = compile(spec, clock);
    Authority::Remote(Arc::new(store.unwrap_or_else(|found| panic!("{found:?}"))))
}

pub(crate) fn check(user: &str, object: &str) -> Check {
    Check {
        user: user.into(),
        relation: "viewer".into(),
        object: object.into(),
    }
}

pub(crate) async fn ask(authority: &Authority, checks: &[Check]) -> Answers {
    authority.check(checks, &Given::default()).await
}

/// The classes of what went wrong, or the answers.
pub(crate) fn shown(answers: &Answers) -> Vec<Result<bool, &str>> {
    let results = answers.results.iter();
    results
        .map(|own| own.as_ref().copied().map_err(Undecided::class))
        .collect()
}

/// A server that answers with what `answer` makes of call and body.
pub(crate) fn scripted(
    answer: impl Fn(&str, &Json) -> Reply + Send + Sync + 'static,
) -> MockServer {
    let answer = move |request: &Recorded| {
        let call = request.path().rsplit('/').next().unwrap_or_default();
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        answer(call, &body)
    };
    MockServer::start(answer).unwrap()
}

/// An answer as JSON.
pub(crate) fn reply(status: u16, body: &Json) -> Reply {
    Reply::text(status, &body.to_string())
}

/// Yes to whoever is called `ada`, in batches and alone.
pub(crate) fn ada(call: &str, body: &Json) -> Reply {
    let allowed = |key: &Json| key["user"] == "user:ada";
    match call {
        "check" => reply(200, &json!({ "allowed": allowed(&body["tuple_key"]) })),
        "batch-check" => {
            let checks = body["checks"].as_array().unwrap().iter();
            let results = checks.map(|own| {
                let id = own["correlation_id"].as_str().unwrap().to_owned();
                (id, json!({ "allowed": allowed(&own["tuple_key"]) }))
            });
            let result: serde_json::Map<_, _> = results.collect();
            reply(200, &json!({ "result": result }))
        }
        _ => reply(404, &json!({})),
    }
}
