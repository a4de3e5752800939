//! `ztag fga import` and `export`, and the formats of files of tuples.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use ztag_fga::Tuple;
use ztag_fga::store_file::TupleRow;

use super::load;
use super::remote::Remote;
use super::target::{ServerArguments, Target, TargetArguments};
use super::trouble::{Outcome, Trouble};
use super::{FAILED, load::parse_yaml};
use crate::complain;
use crate::progress::Progress;

/// Tuples of one write, at most what servers take.
const BATCH: usize = 100;

#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 all written, 1 some refused, 2 nothing could be done.")]
pub(super) struct ImportArguments {
    /// The file of tuples; `-` reads standard input.
    file: PathBuf,

    /// What the file holds; without it what its name says, else YAML.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Refuse tuples that exist already, instead of leaving them as they are.
    #[arg(long)]
    refuse_duplicates: bool,

    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// What to write.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,

    #[command(flatten)]
    target: TargetArguments,
}

/// How tuples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A list of tuples.
    Yaml,
    /// One tuple a line, with a heading.
    Csv,
    /// A list of tuples.
    Json,
}

impl Format {
    /// The format that the name of a file says.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Self::Csv,
            Some("json") => Self::Json,
            _ => Self::Yaml,
        }
    }

    /// Reads tuples.
    pub(super) fn read(self, text: &str) -> Result<Vec<Tuple>, String> {
        match self {
            Self::Yaml => parse_yaml(text),
            Self::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
            Self::Csv => {
                let mut reader = csv::Reader::from_reader(text.as_bytes());
                let rows = reader.deserialize::<TupleRow>();
                let tuples = rows.map(|row| {
                    let row = row.map_err(|error| error.to_string())?;
                    Tuple::try_from(row).map_err(|error| error.to_string())
                });
                tuples.collect()
            }
        }
    }

    /// Writes tuples.
    fn write(self, tuples: &[Tuple]) -> Result<Vec<u8>, String> {
        match self {
            Self::Json => {
                let text =
                    serde_json::to_string_pretty(tuples).map_err(|error| error.to_string())?;
                Ok((text + "\n").into_bytes())
            }
            // Every text in quotes is a text in YAML: ids such as `1` or `no` stay what they are.
            Self::Yaml => {
                let lines = tuples.iter().map(|tuple| format!("- {}\n", json!(tuple)));
                Ok(lines.collect::<String>().into_bytes())
            }
            Self::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                for tuple in tuples {
                    let row = TupleRow::from(tuple);
                    writer.serialize(row).map_err(|error| error.to_string())?;
                }
                writer.into_inner().map_err(|error| error.to_string())
            }
        }
    }
}

pub(super) fn import(arguments: &ImportArguments) -> Outcome {
    let path = &arguments.file;
    let format = arguments.format.unwrap_or_else(|| Format::of(path));
    let tuples = format.read(&load::text(path)?);
    let tuples = tuples.map_err(|message| Trouble::with_file(path, message))?;
    let remote = arguments.server.open()?;
    let mode = if arguments.refuse_duplicates {
        "error"
    } else {
        "ignore"
    };
    let mut refused = 0;
    let mut done = 0;
    let progress = Progress::towards(Some(tuples.len()), "tuples");
    for batch in tuples.chunks(BATCH) {
        refused += write(&remote, batch, mode)?;
        done += batch.len();
        progress.show(done);
    }
    drop(progress);
    writeln!(
        io::stdout(),
        "{} written, {refused} refused",
        done - refused
    )?;
    Ok(match refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    })
}

/// Writes tuples at once, or, where the server refuses that, one by one. Returns how many were
/// refused.
fn write(remote: &Remote, tuples: &[Tuple], mode: &str) -> Result<usize, Trouble> {
    let send = |tuples: &[Tuple]| {
        let writes = json!({"tuple_keys": tuples, "on_duplicate": mode});
        remote.post("write", &json!({ "writes": writes }))
    };
    let Err(refusal) = send(tuples)? else {
        return Ok(0);
    };
    if !refusal.status.is_client_error() || refusal.status.as_u16() == 401 {
        return Err(Trouble::new(refusal.message));
    }
    let mut refused = 0;
    for tuple in tuples {
        if let Err(refusal) = send(std::slice::from_ref(tuple))? {
            let Tuple {
                user,
                relation,
                object,
                ..
            } = tuple;
            complain(&format!("{user} {relation} {object}: {}", refusal.message));
            refused += 1;
        }
    }
    Ok(refused)
}

pub(super) fn export(arguments: &ExportArguments) -> Outcome {
    let mut tuples = Vec::new();
    match arguments.target.open()? {
        Target::Local(store) => {
            let mut request = ztag_fga::ReadRequest::default();
            loop {
                let page = store.read(&request)?;
                tuples.extend(page.tuples.into_iter().map(|stored| stored.tuple));
                if page.continuation_token.is_empty() {
                    break;
                }
                request.continuation_token = page.continuation_token;
            }
        }
        Target::Remote(remote) => {
            let progress = Progress::towards(None, "tuples");
            remote.read_all(|page| {
                tuples.extend(page);
                progress.show(tuples.len());
                Ok(())
            })?;
        }
    }
    let written = arguments.format.write(&tuples).map_err(Trouble::new)?;
    io::stdout().write_all(&written)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_back_what_it_was_given() {
        let context = serde_json::from_str(r#"{"end": "2030-01-01T00:00:00Z", "n": 1}"#).unwrap();
        let tuples = [
            Tuple::new("user:ada", "owner", "doc:1"),
            Tuple::new("user:*", "viewer", "doc:no"),
            Tuple::new("group:a,\"b\"#member", "viewer", "doc:1"),
            Tuple::new("user:ben", "viewer", "doc:1").when("in_time", Some(context)),
            Tuple::new("user:eve", "viewer", "doc:1").when("in_time", None),
        ];
        for format in [Format::Yaml, Format::Csv, Format::Json] {
            let text = String::from_utf8(format.write(&tuples).unwrap()).unwrap();
            let read = format
                .read(&text)
                .unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(read, tuples, "{text}");
        }
    }

    #[test]
    fn names_say_formats() {
        assert_eq!(Format::of(Path::new("a.csv")), Format::Csv);
        assert_eq!(Format::of(Path::new("a.json")), Format::Json);
        assert_eq!(Format::of(Path::new("-")), Format::Yaml);
    }

    #[test]
    fn files_with_mistakes_are_refused() {
        assert!(Format::Json.read("{}").is_err());
        assert!(Format::Yaml.read("- user: x").is_err());
        let text = "user_type,user_id,relation,object_type,object_id,condition_name,condition_context\n\
                    user,ada,owner,doc,1,c,{\n";
        assert!(Format::Csv.read(text).is_err());
    }
}
