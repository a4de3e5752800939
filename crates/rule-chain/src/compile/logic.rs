//! Local variables, conditions and exports.

use std::collections::BTreeMap;
use std::sync::Arc;

use ztag_expr::{Condition, Hybrid};
use ztag_types::{Code, ConfigPath, Outcome, dependency_order};

use super::{Compiler, Logic};
use crate::conditions::{Conditions, Test};
use crate::exports::{Export, ExportPlan, Exporter};
use crate::locals::{Locals, reads_local};
use crate::spec::ExportsSpec;

impl Compiler<'_> {
    pub(super) fn logic(&mut self) -> Logic {
        let locals = self.locals();
        let (spec, at) = (self.spec, self.at.key("conditions"));
        let mut tests =
            |list: Outcome, sources| self.tests(&at.key(list.as_str()), sources, &locals);
        let conditions = Conditions {
            error: tests(Outcome::Error, &spec.conditions.error),
            fail: tests(Outcome::Fail, &spec.conditions.fail),
            pass: tests(Outcome::Pass, &spec.conditions.pass),
        };
        let at = self.at.key("responses");
        let mut exports = |outcome: Outcome, spec| {
            let at = at.key(outcome.as_str()).key("variables");
            self.exports(&at, spec, &locals)
        };
        let exporter = Exporter {
            pass: exports(Outcome::Pass, &spec.responses.pass),
            fail: exports(Outcome::Fail, &spec.responses.fail),
            error: exports(Outcome::Error, &spec.responses.error),
        };
        Logic {
            locals,
            conditions,
            exporter,
        }
    }

    fn locals(&mut self) -> Locals {
        let at = self.at.key("variables");
        let locals = self.hybrids(&at, &self.spec.variables);
        let needs: Vec<Vec<usize>> = locals
            .iter()
            .map(|(_, source)| {
                let others = locals.iter().enumerate();
                others
                    .filter(|(_, (name, _))| reads_local(source.reads(), name))
                    .map(|(index, _)| index)
                    .collect()
            })
            .collect();
        let order = dependency_order(&needs).unwrap_or_else(|cycle| {
            let names = cycle.iter().filter_map(|index| locals.get(*index));
            let names: Vec<&str> = names.map(|(name, _)| &**name).collect();
            let first = names.first().copied().unwrap_or_default();
            let message = format!("variables need each other: `{}`", names.join("` -> `"));
            self.error(Code::VariableCycle, &at.key(first), message);
            Vec::new()
        });
        let ordered = order.into_iter().filter_map(|index| locals.get(index));
        Locals::new(ordered.cloned())
    }

    fn hybrids(
        &mut self,
        at: &ConfigPath,
        spec: &BTreeMap<String, String>,
    ) -> Vec<(Arc<str>, Hybrid)> {
        let mut hybrids = Vec::with_capacity(spec.len());
        for (name, source) in spec {
            let at = at.key(name);
            if name.trim().is_empty() {
                self.error(Code::InvalidName, &at, "a variable needs a name");
            }
            let hybrid = Hybrid::compile(source, &self.words.judge, self.deps.templates);
            if let Some(hybrid) = self.keep(hybrid, &at) {
                hybrids.push((Arc::from(name.as_str()), hybrid));
            }
        }
        hybrids
    }

    fn tests(&mut self, at: &ConfigPath, sources: &[String], locals: &Locals) -> Box<[Test]> {
        let mut tests = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            if source.trim().is_empty() {
                continue;
            }
            let condition = Condition::compile(source, &self.words.judge);
            if let Some(condition) = self.keep(condition, &at.index(index)) {
                tests.push(Test {
                    needs: locals.needed_by(condition.reads()),
                    condition,
                    index,
                });
            }
        }
        tests.into()
    }

    fn exports(&mut self, at: &ConfigPath, spec: &ExportsSpec, locals: &Locals) -> ExportPlan {
        let exports = self.hybrids(at, &spec.variables).into_iter();
        let exports = exports.map(|(name, source)| Export {
            needs: locals.needed_by(source.reads()),
            name,
            source,
        });
        ExportPlan::new(exports.collect())
    }
}
