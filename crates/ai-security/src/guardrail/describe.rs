//! A guardrail in words, for explanations.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{BodyPlan, Guardrail};
use crate::channel::Channel;
use crate::filter::{Action, Filter};
use crate::guard::Guard;

impl Guardrail {
    /// What is looked for: the thresholds of each channel, what becomes of each kind of content. No
    /// phrase, word or value of the operator's is among it.
    pub fn describe(&self) -> Json {
        json!({
            "injection": self.guard.as_ref().map(Guard::describe),
            "content": self.filter.as_ref().map(Filter::describe),
            "transformer": self.transformer.is_some(),
            "spotlight": self.spotlight,
            "recordText": self.records_text,
        })
    }
}

impl Guard {
    /// By channel; those that are not read have nothing to say.
    fn describe(&self) -> Json {
        let channels = Channel::ALL.iter().zip(&self.channels);
        let channels = channels.filter(|(_, policy)| policy.is_read);
        let described = channels.map(|(channel, policy)| {
            let policy = json!({
                "mark": rounded(policy.bands.mark),
                "block": rounded(policy.bands.block),
                "atMost": policy.at_most.as_str(),
            });
            (channel.as_str(), policy)
        });
        described.collect::<BTreeMap<_, _>>().into_iter().collect()
    }
}

impl Filter {
    /// Kinds of content by what becomes of them.
    fn describe(&self) -> Json {
        let mut kinds: BTreeMap<Action, Vec<&str>> = BTreeMap::new();
        for (action, kind) in self.actions() {
            kinds.entry(action).or_default().push(kind);
        }
        json!(kinds)
    }
}

impl BodyPlan {
    /// Which texts are read, and where they would reach a model.
    pub fn describe(&self) -> Json {
        let json = self.json().map(|extractor| {
            let selections = extractor.selections().iter();
            let described = selections.map(|(selector, channel)| {
                json!({"select": selector.to_string(), "channel": channel.as_str()})
            });
            described.collect::<Vec<_>>()
        });
        json!({"json": json, "text": self.text().map(Channel::as_str)})
    }
}

/// As people write thresholds.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1e4).round() / 1e4
}
