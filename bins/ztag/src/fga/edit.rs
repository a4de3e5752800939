//! `ztag fga delete` and `replace`: edits of many tuples at once.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use super::target::ServerArguments;
use super::trouble::{Outcome, Trouble};
use crate::progress::Progress;

#[derive(Debug, Args)]
#[command(
    after_help = "Needs `ztag fga serve` or a gateway on the other side: OpenFGA has no such call.\n\n\
    Examples:\n  \
    ztag fga delete --user user:ada             everything that ada has\n  \
    ztag fga delete --object doc:plan           everybody's access to a document\n  \
    ztag fga delete --object doc: --relation viewer   all viewers of all documents"
)]
pub(super) struct DeleteArguments {
    /// Tuples of this user.
    #[arg(long, default_value = "", required_unless_present = "object")]
    user: String,

    /// Tuples of this relation.
    #[arg(long, default_value = "")]
    relation: String,

    /// Tuples of this object, or of all objects of a type: `doc:`.
    #[arg(long, default_value = "")]
    object: String,

    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Needs `ztag fga serve` or a gateway on the other side: OpenFGA has no such call."
)]
pub(super) struct ReplaceArguments {
    /// The object.
    object: String,

    /// The relation.
    relation: String,

    /// Who has it from now on; everybody else loses it.
    #[arg(required_unless_present = "nobody")]
    users: Vec<String>,

    /// Nobody has it from now on.
    #[arg(long, conflicts_with = "users")]
    nobody: bool,

    #[command(flatten)]
    server: ServerArguments,
}

pub(super) fn delete(arguments: &DeleteArguments) -> Outcome {
    let remote = arguments.server.open()?;
    let progress = Progress::towards(None, "tuples");
    let key = json!({
        "user": arguments.user,
        "relation": arguments.relation,
        "object": arguments.object,
    });
    let mut token = String::new();
    let mut deleted = 0;
    loop {
        let body = json!({"tuple_key": key, "continuation_token": token});
        let answer = remote.post("delete-tuples", &body)?;
        let answer = answer.map_err(|refused| Trouble::new(refused.message))?;
        deleted += count(&answer, "deleted");
        progress.show(deleted);
        let next = answer.get("continuation_token").and_then(Json::as_str);
        match next.filter(|next| !next.is_empty() && **next != token) {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    drop(progress);
    writeln!(io::stdout(), "{deleted} deleted")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn replace(arguments: &ReplaceArguments) -> Outcome {
    let remote = arguments.server.open()?;
    let users = arguments.users.iter().map(|user| json!({ "user": user }));
    let body = json!({
        "object": arguments.object,
        "relation": arguments.relation,
        "users": users.collect::<Vec<_>>(),
    });
    let answer = remote.ask("replace-relation", body)?;
    let (written, deleted) = (count(&answer, "written"), count(&answer, "deleted"));
    writeln!(io::stdout(), "{written} written, {deleted} deleted")?;
    Ok(ExitCode::SUCCESS)
}

fn count(answer: &Json, what: &str) -> usize {
    let count = answer.get(what).and_then(Json::as_u64);
    count
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default()
}
