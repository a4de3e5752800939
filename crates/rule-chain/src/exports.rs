//! What a rule exports on each outcome.

use std::sync::Arc;

use ztag_expr::Hybrid;
use ztag_types::{Key, Map, Outcome, Reads, Scope, Value};

use crate::conditions::Ruling;
use crate::error::Fault;
use crate::locals::{LocalValues, Needs};

/// The exports of a rule by outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exporter {
    pub(crate) pass: ExportPlan,
    pub(crate) fail: ExportPlan,
    pub(crate) error: ExportPlan,
}

#[derive(Clone, Debug)]
pub(crate) enum ExportPlan {
    /// The same values every time, made once.
    Constant(Arc<Map>),
    Computed(Box<[Export]>),
}

#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) name: Arc<str>,
    pub(crate) source: Hybrid,
    pub(crate) needs: Needs,
}

impl Default for ExportPlan {
    fn default() -> Self {
        Self::Constant(Arc::default())
    }
}

impl Exporter {
    pub(crate) const fn plan(&self, outcome: Outcome) -> &ExportPlan {
        match outcome {
            Outcome::Pass => &self.pass,
            Outcome::Fail => &self.fail,
            Outcome::Error => &self.error,
        }
    }

    /// What follows from `ruling`, with its exports. A pass without all of its exports is an error;
    /// a fail or an error stays what it is, and exports nothing when one cannot be evaluated.
    pub(crate) fn settle(
        &self,
        ruling: Ruling,
        locals: &LocalValues<'_>,
        scope: Scope<'_>,
    ) -> (Ruling, Arc<Map>) {
        match self.export(ruling.outcome, locals, scope) {
            Ok(exports) => (ruling, exports),
            Err(fault) if ruling.outcome == Outcome::Pass => {
                self.settle(fault.into(), locals, scope)
            }
            Err(_) => (ruling, Arc::default()),
        }
    }

    /// The exports of `outcome`, or the first that cannot be evaluated.
    fn export(
        &self,
        outcome: Outcome,
        locals: &LocalValues<'_>,
        scope: Scope<'_>,
    ) -> Result<Arc<Map>, Fault> {
        let exports = match self.plan(outcome) {
            ExportPlan::Constant(map) => return Ok(Arc::clone(map)),
            ExportPlan::Computed(exports) => exports,
        };
        let mut map = Map::new();
        for export in exports {
            let value = export.evaluate(outcome, locals, scope)?;
            map.insert(Key::String(Arc::clone(&export.name)), value);
        }
        Ok(Arc::new(map))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Outcome, &Export)> {
        let plans = [Outcome::Pass, Outcome::Fail, Outcome::Error];
        plans.into_iter().flat_map(|outcome| {
            let exports: &[Export] = match self.plan(outcome) {
                ExportPlan::Constant(_) => &[],
                ExportPlan::Computed(exports) => exports,
            };
            exports.iter().map(move |export| (outcome, export))
        })
    }

    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        for (_, export) in self.iter() {
            reads.extend(export.source.reads());
        }
    }
}

impl ExportPlan {
    /// The plan of these exports; evaluates at once those that read nothing, if all do.
    pub(crate) fn new(exports: Vec<Export>) -> Self {
        let constant = |export: &Export| {
            let reads = export.source.reads();
            reads.paths().next().is_none() && !reads.is_volatile()
        };
        if !exports.iter().all(constant) {
            return Self::Computed(exports.into());
        }
        let entries = exports.iter().map(|export| {
            let value = export.source.evaluate(Scope::new(&[])).ok()?;
            Some((Key::String(Arc::clone(&export.name)), value))
        });
        match entries.collect::<Option<Map>>() {
            Some(map) => Self::Constant(Arc::new(map)),
            // It fails every time; the judgement shall say so.
            None => Self::Computed(exports.into()),
        }
    }
}

impl Export {
    fn evaluate(
        &self,
        outcome: Outcome,
        locals: &LocalValues<'_>,
        scope: Scope<'_>,
    ) -> Result<Value, Fault> {
        locals.prepare(&self.needs, scope);
        let value = self.source.evaluate(scope);
        value.map_err(|source| Fault::Export {
            outcome,
            name: Arc::clone(&self.name),
            source,
        })
    }
}
