//! What a judgement leaves behind for reports and explanations.

use serde_json::Value as Json;
use ztag_expr::EvalError;
use ztag_fga_remote::{Check, Undecided};
use ztag_types::{
    BackendReport, CacheReport, ConditionReport, Detail, FgaCheckReport, FgaReport, InspectReport,
    Map, Object, Outcome, ReadPath, Root, Scope, View,
};

use crate::chain::ChainInput;
use crate::conditions::Test;
use crate::locals::LocalValues;
use crate::redact::{Redaction, Redactor};

/// Notes of one judgement. At [`Detail::Summary`] those for explanations cost nothing.
#[derive(Default)]
pub(crate) struct Notes<'a> {
    redactor: Option<Redactor<'a>>,
    pub(crate) cache: CacheReport,
    pub(crate) backend: Option<Box<BackendReport>>,
    pub(crate) fga: Option<Box<FgaReport>>,
    pub(crate) inspect: Option<Box<InspectReport>>,
    pub(crate) conditions: Vec<ConditionReport>,
    pub(crate) variables: Vec<(String, Json)>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(detail: Detail, redaction: &'a Redaction, input: &ChainInput<'a>) -> Self {
        Self {
            redactor: (detail == Detail::Full).then(|| redaction.of(input)),
            ..Self::default()
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.redactor.is_some()
    }

    pub(crate) fn condition(
        &mut self,
        list: Outcome,
        test: &Test,
        result: &Result<bool, EvalError>,
        scope: Scope<'_>,
    ) {
        let Some(redactor) = &self.redactor else {
            return;
        };
        let reads = test.condition.reads().paths();
        self.conditions.push(ConditionReport {
            list,
            index: test.index,
            source: test.condition.source().to_owned(),
            result: result.as_ref().copied().map_err(ToString::to_string),
            reads: reads
                .filter_map(|path| Some((path.to_string(), show(redactor, path, scope)?)))
                .collect(),
        });
    }

    /// The checks with their answers, as far as they may be seen.
    pub(crate) fn fga_checks(
        &self,
        checks: &[Check],
        results: &[Result<bool, Undecided>],
    ) -> Vec<FgaCheckReport> {
        let Some(redactor) = &self.redactor else {
            return Vec::new();
        };
        let show = |name: &str, text: &str| redactor.show_view(&["fga", name], View::Str(text));
        let asked = checks.iter().zip(results).map(|(check, result)| {
            let check = serde_json::json!({
                "user": show("user", &check.user),
                "relation": show("relation", &check.relation),
                "object": show("object", &check.object),
            });
            let allowed = result.as_ref().copied();
            FgaCheckReport {
                check,
                allowed: allowed.map_err(ToString::to_string),
            }
        });
        asked.collect()
    }

    /// Notes the local variables that were evaluated and what was exported.
    pub(crate) fn variables(&mut self, locals: &LocalValues<'_>, exports: &Map) {
        let Some(redactor) = &self.redactor else {
            return;
        };
        for (local, value) in locals.evaluated() {
            let view = match value {
                Ok(value) => value.view(),
                Err(message) => View::Failed(message),
            };
            let shown = redactor.show_view(&["variables", "local", &local.name], view);
            let name = format!("variables.local.{}", local.name);
            self.variables.push((name, shown));
        }
        for name in exports.names() {
            if let Some(value) = exports.get(name) {
                let shown = redactor.show_view(&["response", name], value.view());
                self.variables.push((format!("response.{name}"), shown));
            }
        }
    }
}

fn show(redactor: &Redactor<'_>, path: &ReadPath, scope: Scope<'_>) -> Option<Json> {
    let segments: Vec<&str> = path.segments().collect();
    let root = Root::ALL.iter().find(|root| root.as_str() == path.root())?;
    Some(redactor.show(&segments, scope, root.slot()))
}
