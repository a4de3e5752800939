//! Which call a request makes.

use http::Method;

use crate::failure::Failure;

/// What is asked for, and of which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    pub(crate) call: Call,
    /// The store, as the path writes it; empty where the call is about none.
    pub(crate) store: &'a str,
    /// The model, as the path writes it; empty where the path names none.
    pub(crate) model: &'a str,
}

macro_rules! calls {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        /// One call of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Call { $($(#[$doc])* $variant,)* }

        impl Call {
            /// The name of its request, in messages.
            pub(crate) const fn request(self) -> &'static str {
                match self { $(Self::$variant => concat!(stringify!($variant), "Request"),)* }
            }
        }
    };
}

calls! {
    /// Whether the server serves.
    Health,
    ListStores,
    CreateStore,
    GetStore,
    DeleteStore,
    WriteAuthorizationModel,
    ReadAuthorizationModels,
    ReadAuthorizationModel,
    Read,
    Write,
    /// Deletes what a filter matches; no call of `OpenFGA`.
    DeleteTuples,
    /// Replaces the users of a relation; no call of `OpenFGA`.
    ReplaceRelation,
    Check,
    BatchCheck,
    Expand,
    ListObjects,
    StreamedListObjects,
    ListUsers,
    ReadChanges,
    ReadAssertions,
    WriteAssertions,
    /// One question as `AuthZEN` puts it.
    Evaluation,
    /// Several of them.
    Evaluations,
    /// The subjects that an evaluation would say yes to.
    SearchSubject,
    /// The resources.
    SearchResource,
    /// The actions.
    SearchAction,
    /// What the stores are asked, as JSON; no call of `OpenFGA`.
    Metrics,
    /// The same as Prometheus reads it.
    Prometheus,
}

impl<'a> Route<'a> {
    /// Reads method and path.
    pub(crate) fn of(method: &Method, path: &'a str) -> Result<Self, Failure> {
        let segments: Vec<&str> = path.trim_start_matches('/').splitn(6, '/').collect();
        let (store, model, choice) = match *segments.as_slice() {
            ["healthz"] => ("", "", [(Method::GET, Call::Health)].as_slice()),
            ["metrics"] => ("", "", [(Method::GET, Call::Prometheus)].as_slice()),
            ["api", "v1", "fga", "metrics"] => ("", "", [(Method::GET, Call::Metrics)].as_slice()),
            ["stores"] => ("", "", STORES.as_slice()),
            ["stores", store] if !store.is_empty() => (store, "", STORE.as_slice()),
            ["stores", store, call] => (store, "", of_store(call)),
            ["stores", store, call, model] if !model.is_empty() => (store, model, of_model(call)),
            ["stores", store, "access", "v1", call] => (store, "", authzen(call)),
            ["stores", store, "access", "v1", "search", what] => (store, "", search(what)),
            _ => ("", "", [].as_slice()),
        };
        if choice.is_empty() {
            return Err(Failure::undefined_endpoint("Not Found"));
        }
        let mut choice = choice.iter();
        let found = choice.find(|(own, _)| own == method);
        let (_, call) = found.ok_or_else(|| Failure::unimplemented("Method Not Allowed"))?;
        Ok(Self {
            call: *call,
            store,
            model,
        })
    }
}

type Choice = &'static [(Method, Call)];

const STORES: [(Method, Call); 2] = [
    (Method::GET, Call::ListStores),
    (Method::POST, Call::CreateStore),
];
const STORE: [(Method, Call); 2] = [
    (Method::GET, Call::GetStore),
    (Method::DELETE, Call::DeleteStore),
];

fn of_store(call: &str) -> Choice {
    match call {
        "authorization-models" => &[
            (Method::GET, Call::ReadAuthorizationModels),
            (Method::POST, Call::WriteAuthorizationModel),
        ],
        "read" => &[(Method::POST, Call::Read)],
        "write" => &[(Method::POST, Call::Write)],
        "delete-tuples" => &[(Method::POST, Call::DeleteTuples)],
        "replace-relation" => &[(Method::POST, Call::ReplaceRelation)],
        "check" => &[(Method::POST, Call::Check)],
        "batch-check" => &[(Method::POST, Call::BatchCheck)],
        "expand" => &[(Method::POST, Call::Expand)],
        "list-objects" => &[(Method::POST, Call::ListObjects)],
        "streamed-list-objects" => &[(Method::POST, Call::StreamedListObjects)],
        "list-users" => &[(Method::POST, Call::ListUsers)],
        "changes" => &[(Method::GET, Call::ReadChanges)],
        _ => &[],
    }
}

fn of_model(call: &str) -> Choice {
    match call {
        "authorization-models" => &[(Method::GET, Call::ReadAuthorizationModel)],
        "assertions" => &[
            (Method::GET, Call::ReadAssertions),
            (Method::PUT, Call::WriteAssertions),
        ],
        _ => &[],
    }
}

fn authzen(call: &str) -> Choice {
    match call {
        "evaluation" => &[(Method::POST, Call::Evaluation)],
        "evaluations" => &[(Method::POST, Call::Evaluations)],
        _ => &[],
    }
}

fn search(what: &str) -> Choice {
    match what {
        "subject" => &[(Method::POST, Call::SearchSubject)],
        "resource" => &[(Method::POST, Call::SearchResource)],
        "action" => &[(Method::POST, Call::SearchAction)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let call = |method, path| Route::of(&method, path).map(|route| (route.call, route.store));
        assert_eq!(
            call(Method::POST, "/stores/A/check"),
            Ok((Call::Check, "A"))
        );
        assert_eq!(call(Method::GET, "/stores"), Ok((Call::ListStores, "")));
        assert_eq!(
            Route::of(&Method::PUT, "/stores/A/assertions/M").map(|route| route.model),
            Ok("M")
        );
        assert_eq!(
            call(Method::POST, "/stores/A/access/v1/evaluation"),
            Ok((Call::Evaluation, "A"))
        );
        assert_eq!(
            call(Method::POST, "/stores/A/access/v1/search/action"),
            Ok((Call::SearchAction, "A"))
        );
        assert_eq!(
            call(Method::GET, "/api/v1/fga/metrics"),
            Ok((Call::Metrics, ""))
        );
        assert_eq!(Call::BatchCheck.request(), "BatchCheckRequest");
    }

    #[test]
    fn anything_else_is_not_there() {
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/stores/"),
            (Method::POST, "/stores/A/check/"),
            (Method::POST, "/stores/A/check/B"),
            (Method::GET, "/stores/A/check"),
            (Method::POST, "/stores/A/access/v1/evaluation/more"),
        ] {
            let failure = Route::of(&method, path).unwrap_err();
            assert_eq!(failure.status().as_u16(), 404, "{method} {path}");
        }
    }
}
