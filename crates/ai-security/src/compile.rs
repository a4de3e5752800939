//! From spec to guard.

use std::sync::Arc;

use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::allow::Allowed;
use crate::bands::Bands;
use crate::channel::Channel;
use crate::guard::{ChannelPolicy, Guard, Rules};
use crate::inspection::Verdict;
use crate::model::Model;
use crate::rules::{BookError, Draft, RuleBook};
use crate::spec::{GuardSpec, LimitsSpec, RuleSpec};

/// Bands of a guard without model: weights of rules are scores then.
const BARE: Bands = Bands {
    mark: 0.75,
    block: 0.9,
};

/// Most phrases that are allowed, and most rules of the operator's.
const MOST: usize = 1024;

impl Guard {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(spec: &GuardSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Self> {
        let before = findings.errors();
        let book = rule_book(spec, at, findings);
        let model = model(at, findings);
        let channels =
            Channel::ALL.map(|channel| channel_policy(spec, channel, model, at, findings));
        let allowed = allowed(spec, at, findings);
        check_limits(spec.limits, &at.key("limits"), findings);
        let book = book.filter(|_| findings.errors() == before)?;
        check_without(spec, &book, at, findings);
        if findings.errors() != before {
            return None;
        }
        Some(Self {
            rules: Rules {
                margins: margins(spec, &book, model),
                book: Some(book),
                model,
            },
            channels,
            allowed,
            limits: spec.limits,
        })
    }

    /// The guard of a spec that cannot be wrong; without rules and so closed if this build is broken.
    pub(crate) fn built_in(spec: &GuardSpec) -> Self {
        let closed = || Self {
            rules: Rules {
                book: None,
                model: None,
                margins: Vec::new(),
            },
            channels: [ChannelPolicy {
                bands: BARE,
                at_most: Verdict::Block,
                is_read: true,
            }; Channel::ALL.len()],
            allowed: Allowed::default(),
            limits: spec.limits,
        };
        Self::compile(spec, &ConfigPath::root(), &mut Findings::new()).unwrap_or_else(closed)
    }
}

fn model(at: &ConfigPath, findings: &mut Findings) -> Option<&'static Model> {
    let broken = |error| {
        let message = format!("the model of the guard cannot be read: {error}");
        Diagnostic::error(Code::Unreadable, at, message)
    };
    findings.keep(Model::embedded().map_err(broken))
}

/// The rules that come with the guard, or those and the operator's in one book.
fn rule_book(spec: &GuardSpec, at: &ConfigPath, findings: &mut Findings) -> Option<Arc<RuleBook>> {
    let broken = |error: BookError| Diagnostic::error(Code::Unreadable, at, error.to_string());
    if spec.rules.is_empty() {
        return findings.keep(RuleBook::embedded().map_err(broken));
    }
    let at = at.key("rules");
    if spec.rules.len() > MOST {
        let message = format!("more than {MOST} rules");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        return None;
    }
    let before = findings.errors();
    let mut draft = findings.keep(Draft::of_embedded().map_err(broken))?;
    for (index, rule) in spec.rules.iter().enumerate() {
        check_rule(rule, &at.index(index), &mut draft, findings);
    }
    if findings.errors() != before {
        return None;
    }
    let book = draft.finish().map_err(broken);
    let book = findings.keep(book)?;
    for (index, rule) in spec.rules.iter().enumerate() {
        check_cases(rule, &book, &at.index(index), findings);
    }
    (findings.errors() == before).then(|| Arc::new(book))
}

fn check_rule(rule: &RuleSpec, at: &ConfigPath, draft: &mut Draft, findings: &mut Findings) {
    if !rule.id.contains('.') || rule.id.starts_with('.') || rule.id.ends_with('.') {
        let message = format!("`{}` is no name of a rule", rule.id);
        let hint = "a name has two parts, such as `shop.refund-order`";
        findings.push(Diagnostic::error(Code::InvalidName, &at.key("id"), message).hint(hint));
    } else if draft.has(&rule.id) {
        let message = format!("there is a rule `{}` already", rule.id);
        findings.push(Diagnostic::error(Code::Duplicate, &at.key("id"), message));
    }
    let weights = rule.weights.values().chain([&rule.weight]);
    if weights.clone().any(|weight| !(0.0..=1.0).contains(weight)) || rule.weight <= 0.0 {
        let message = "a weight is above 0 and at most 1";
        findings.push(Diagnostic::error(
            Code::InvalidValue,
            &at.key("weight"),
            message,
        ));
    }
    if let Err(error) = draft.add(rule) {
        let at = at.key("steps");
        findings.push(Diagnostic::error(Code::Pattern, &at, error.to_string()));
    }
}

fn check_cases(rule: &RuleSpec, book: &RuleBook, at: &ConfigPath, findings: &mut Findings) {
    for (key, texts, wanted) in [("hits", &rule.hits, true), ("misses", &rule.misses, false)] {
        for (index, text) in texts.iter().enumerate() {
            if book.hits(&rule.id, text) != wanted {
                let message = if wanted {
                    "the rule does not hit this text"
                } else {
                    "the rule hits this text"
                };
                let at = at.key(key).index(index);
                findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
            }
        }
    }
}

fn channel_policy(
    spec: &GuardSpec,
    channel: Channel,
    model: Option<&Model>,
    at: &ConfigPath,
    findings: &mut Findings,
) -> ChannelPolicy {
    let written = spec.channels.get(&channel).copied().unwrap_or_default();
    let standard = model.map_or(BARE, |model| model.bands(channel));
    // What is set stays in force whatever a newer model's own thresholds are: these give way.
    let mark = written
        .block
        .map_or(standard.mark, |block| standard.mark.min(block));
    let mark = written.mark.unwrap_or(mark);
    let block = written.block.unwrap_or(standard.block.max(mark));
    let at = at.key("channels").key(channel.as_str());
    for (key, value) in [("mark", written.mark), ("block", written.block)] {
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            let message = "a threshold is between 0 and 1";
            findings.push(Diagnostic::error(Code::InvalidValue, &at.key(key), message));
        }
    }
    if block < mark {
        let message = format!("`block` ({block}) is below `mark` ({mark})");
        findings.push(Diagnostic::error(Code::Conflict, &at, message));
    }
    // What a model answers is no order to it, and apologies read like what they answer.
    let strictest = match channel {
        Channel::Output if written.block.is_none() => Verdict::Mark,
        _ => Verdict::Block,
    };
    ChannelPolicy {
        bands: Bands { mark, block },
        at_most: written.at_most.unwrap_or(strictest),
        is_read: written.scan.unwrap_or(channel != Channel::System),
    }
}

fn allowed(spec: &GuardSpec, at: &ConfigPath, findings: &mut Findings) -> Allowed {
    let at = at.key("allow");
    if spec.allow.len() > MOST {
        let message = format!("more than {MOST} phrases");
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
    }
    for (index, phrase) in spec.allow.iter().enumerate() {
        if phrase.trim().chars().count() < 4 {
            let message = format!("`{phrase}` is shorter than four characters");
            let hint = "a short phrase would take words out of many texts";
            let at = at.index(index);
            findings.push(Diagnostic::error(Code::InvalidValue, &at, message).hint(hint));
        }
    }
    let compiled = Allowed::compile(&spec.allow);
    let broken = |error| Diagnostic::error(Code::InvalidValue, &at, format!("{error}"));
    findings.keep(compiled.map_err(broken)).unwrap_or_default()
}

fn check_limits(limits: LimitsSpec, at: &ConfigPath, findings: &mut Findings) {
    let ranges = [
        ("maxBytes", limits.max_bytes, 1024..=16 * 1024 * 1024),
        ("maxViews", limits.max_views, 0..=16),
        ("maxViewBytes", limits.max_view_bytes, 0..=64 * 1024),
    ];
    for (key, value, range) in ranges {
        if !range.contains(&value) {
            let message = format!(
                "`{value}` is not between {} and {}",
                range.start(),
                range.end()
            );
            findings.push(Diagnostic::error(Code::InvalidValue, &at.key(key), message));
        }
    }
}

fn check_without(spec: &GuardSpec, book: &RuleBook, at: &ConfigPath, findings: &mut Findings) {
    let names = || book.rules().iter().map(|rule| rule.id.as_str());
    let packs = || names().filter_map(|id| Some(id.split_once('.')?.0));
    for (index, name) in spec.without.iter().enumerate() {
        if names().chain(packs()).any(|known| known == name) {
            continue;
        }
        let message = format!("there is no rule and no pack `{name}`");
        let at = at.key("without").index(index);
        let mut diagnostic = Diagnostic::error(Code::UnknownDefinition, &at, message);
        if let Some(nearest) = Diagnostic::nearest(name, names().chain(packs())) {
            diagnostic = diagnostic.hint(format!("did you mean `{nearest}`?"));
        }
        findings.push(diagnostic);
    }
}

/// By rule, what it adds to the margin of the model; `None` for one that does not count.
fn margins(spec: &GuardSpec, book: &RuleBook, model: Option<&Model>) -> Vec<Option<f32>> {
    let is_left_out = |id: &str| {
        let pack = id.split_once('.').map_or(id, |(pack, _)| pack);
        spec.without.iter().any(|name| name == id || name == pack)
    };
    let margin = |id: &str| model.and_then(|model| model.rule(id)).unwrap_or(0.0);
    let rules = book.rules().iter();
    rules
        .map(|rule| (!is_left_out(&rule.id)).then(|| margin(&rule.id)))
        .collect()
}
