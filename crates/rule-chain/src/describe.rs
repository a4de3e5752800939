//! The compiled chain in words, for explanations.

use serde_json::{Value as Json, json};
use ztag_ai_security::guardrail::{BodyPlan, OnUnreadable};
use ztag_types::{Map, Object, Outcome};

use crate::asking::Asking;
use crate::auth::Group;
use crate::chain::RuleChain;
use crate::exports::ExportPlan;
use crate::fga::FgaPlan;
use crate::forward::Forwards;
use crate::inspect::{InspectPlan, TextPlan};
use crate::reply::plain_url;
use crate::rule::Rule;

impl RuleChain {
    /// The rules as compiled: match groups, backends, conditions, variables, exports, cache keys.
    /// Shows no allowed value and no credential.
    pub fn describe(&self) -> Json {
        self.rules().iter().map(Rule::describe).collect()
    }
}

impl Rule {
    fn describe(&self) -> Json {
        let conditions = |list: Outcome| -> Json {
            let own = self.conditions.iter().filter(|(own, _)| *own == list);
            own.map(|(_, test)| test.condition.source()).collect()
        };
        let exports = |outcome| -> Json {
            match self.exporter.plan(outcome) {
                ExportPlan::Constant(map) => names(map),
                ExportPlan::Computed(exports) => {
                    exports.iter().map(|export| &*export.name).collect()
                }
            }
        };
        let reads = self.reads.paths().map(ToString::to_string);
        json!({
            "name": self.name,
            "description": self.description,
            "auth": self.auth.groups.iter().map(Group::describe).collect::<Vec<_>>(),
            "inspect": self.inspect.as_deref().map(InspectPlan::describe),
            "fga": self.fga.as_deref().map(FgaPlan::describe),
            "backend": self.backend.as_deref().map(Asking::describe),
            "conditions": {
                "error": conditions(Outcome::Error),
                "fail": conditions(Outcome::Fail),
                "pass": conditions(Outcome::Pass),
            },
            "variables": self.locals.iter().map(|local| &*local.name).collect::<Vec<_>>(),
            "exports": {
                "pass": exports(Outcome::Pass),
                "fail": exports(Outcome::Fail),
                "error": exports(Outcome::Error),
            },
            "reads": reads.collect::<Vec<_>>(),
        })
    }
}

impl Group {
    fn describe(&self) -> Json {
        let matchers: Vec<Json> = match &*self.matchers {
            [] => vec![json!({ "type": "none" })],
            matchers => matchers
                .iter()
                .map(crate::auth::Matcher::describe)
                .collect(),
        };
        let forwards: Json = match &self.forwards {
            Forwards::Same => json!("matched"),
            Forwards::Instead(forwards) => {
                forwards.iter().map(crate::forward::Forward::kind).collect()
            }
        };
        json!({ "match": matchers, "forwardAs": forwards })
    }
}

impl Asking {
    fn describe(&self) -> Json {
        json!({
            "method": self.call.method.as_str(),
            "url": plain_url(&self.call.url),
            "timeoutMs": u64::try_from(self.call.timeout.as_millis()).unwrap_or(u64::MAX),
            "retries": self.call.retries,
            "maxPages": self.call.pagination.max_pages(),
            "acceptedStatuses": self.accepted.0,
            "cacheKey": self.caching.as_ref().map(crate::caching::Caching::input_names),
        })
    }
}

impl InspectPlan {
    fn describe(&self) -> Json {
        json!({
            "guardrail": self.name,
            "body": self.body.as_ref().map(BodyPlan::describe),
            "texts": self.texts.iter().map(TextPlan::describe).collect::<Vec<_>>(),
            "masks": self.masks(),
            "shadow": self.shadow,
            "onUnreadable": match self.on_unreadable {
                OnUnreadable::Block => "block",
                OnUnreadable::Allow => "allow",
            },
            "finds": self.guardrail.describe(),
        })
    }
}

impl TextPlan {
    fn describe(&self) -> Json {
        let reads = self.value.reads();
        json!({
            "channel": self.channel.as_str(),
            "reads": reads.paths().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }
}

impl FgaPlan {
    fn describe(&self) -> Json {
        let places = self.checks.iter().map(|check| &*check.place);
        json!({
            "store": self.store,
            "checks": places.collect::<Vec<_>>(),
            "lists": self.list.is_some(),
            "enforced": self.enforce,
        })
    }
}

fn names(map: &Map) -> Json {
    map.names().into_iter().collect()
}
