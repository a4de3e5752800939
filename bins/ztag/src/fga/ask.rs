//! `ztag fga check`, `expand`, `list-objects` and `explain`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};
use ztag_fga::{CheckRequest, ExpandRequest, Fields, ListObjectsRequest, Tuple};

use super::FAILED;
use super::show;
use super::target::{Target, TargetArguments};
use super::trouble::{Outcome, Trouble};

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    user: String,
    /// The relation.
    relation: String,
    /// To what: `type:id`.
    object: String,

    #[command(flatten)]
    extra: ExtraArguments,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
pub(super) struct ExpandArguments {
    /// The relation.
    relation: String,
    /// Of what: `type:id`.
    object: String,

    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Who: `type:id`, `type:*` or `type:id#relation`.
    user: String,
    /// The relation.
    relation: String,
    /// The type of the objects.
    #[arg(value_name = "TYPE")]
    type_name: String,

    #[command(flatten)]
    extra: ExtraArguments,
    #[command(flatten)]
    target: TargetArguments,
}

#[derive(Debug, Args)]
struct ExtraArguments {
    /// Parameters of conditions as a JSON object.
    #[arg(long, value_name = "JSON", value_parser = fields)]
    context: Option<Fields>,

    /// A tuple to assume besides those stored; may be repeated.
    #[arg(long, value_name = "USER RELATION OBJECT", value_parser = tuple)]
    contextual_tuple: Vec<Tuple>,
}

fn fields(text: &str) -> Result<Fields, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn tuple(text: &str) -> Result<Tuple, String> {
    let parts: Vec<_> = text.split_whitespace().collect();
    match *parts.as_slice() {
        [user, relation, object] => Ok(Tuple::new(user, relation, object)),
        _ => Err("must be a user, a relation and an object".into()),
    }
}

impl ExtraArguments {
    fn context(&self) -> Fields {
        self.context.clone().unwrap_or_default()
    }
}

impl CheckArguments {
    fn request(&self) -> CheckRequest {
        CheckRequest {
            contextual_tuples: self.extra.contextual_tuple.clone(),
            context: self.extra.context(),
            ..CheckRequest::new(&*self.user, &*self.relation, &*self.object)
        }
    }
}

pub(super) fn check(arguments: &CheckArguments) -> Outcome {
    let request = arguments.request();
    let allowed = match arguments.target.open()? {
        Target::Local(store) => store.check(&request)?,
        Target::Remote(remote) => {
            let answer = remote.ask(
                "check",
                json!({
                    "tuple_key": {
                        "user": request.user,
                        "relation": request.relation,
                        "object": request.object,
                    },
                    "contextual_tuples": {"tuple_keys": request.contextual_tuples},
                    "context": request.context,
                }),
            )?;
            let allowed = answer.get("allowed").and_then(Json::as_bool);
            // Protocol buffers may leave out what is false.
            allowed.unwrap_or_default()
        }
    };
    print(&json!({ "allowed": allowed }))?;
    Ok(verdict(allowed))
}

pub(super) fn expand(arguments: &ExpandArguments) -> Outcome {
    let ExpandArguments {
        relation, object, ..
    } = arguments;
    let answer = match arguments.target.open()? {
        Target::Local(store) => {
            let request = ExpandRequest {
                object: object.clone(),
                relation: relation.clone(),
                ..ExpandRequest::default()
            };
            json!({"tree": {"root": ztag_fga_api::tree_to_json(&store.expand(&request)?)}})
        }
        Target::Remote(remote) => {
            let key = json!({"relation": relation, "object": object});
            remote.ask("expand", json!({ "tuple_key": key }))?
        }
    };
    print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list_objects(arguments: &ListArguments) -> Outcome {
    let extra = &arguments.extra;
    let answer = match arguments.target.open()? {
        Target::Local(store) => {
            let listed = store.list_objects(&ListObjectsRequest {
                model: None,
                type_name: arguments.type_name.clone(),
                relation: arguments.relation.clone(),
                user: arguments.user.clone(),
                contextual_tuples: extra.contextual_tuple.clone(),
                context: extra.context(),
            })?;
            json!({"objects": listed.objects})
        }
        Target::Remote(remote) => remote.ask(
            "list-objects",
            json!({
                "type": arguments.type_name,
                "relation": arguments.relation,
                "user": arguments.user,
                "contextual_tuples": {"tuple_keys": extra.contextual_tuple},
                "context": extra.context(),
            }),
        )?,
    };
    print(&answer)?;
    Ok(ExitCode::SUCCESS)
}

/// Servers do not explain themselves: theirs is copied and asked here.
pub(super) fn explain(arguments: &CheckArguments) -> Outcome {
    let store = match arguments.target.open()? {
        Target::Local(store) => *store,
        Target::Remote(remote) => remote.copy()?,
    };
    let explanation = store.explain(&arguments.request())?;
    write!(io::stdout(), "{}", show::part(&explanation.part))?;
    let allowed = explanation.allowed?;
    writeln!(
        io::stdout(),
        "{}",
        if allowed { "allowed" } else { "denied" }
    )?;
    Ok(verdict(allowed))
}

fn verdict(allowed: bool) -> ExitCode {
    if allowed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

fn print(answer: &Json) -> Result<(), Trouble> {
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(answer)?)?;
    Ok(())
}
