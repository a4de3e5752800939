//! The conditions of a rule, and the ruling they give.

use std::borrow::Cow;

use ztag_expr::Condition;
use ztag_types::{Outcome, Reads, Reason, ReasonCode, Scope};

use crate::error::Fault;
use crate::locals::{LocalValues, Needs};
use crate::notes::Notes;

/// The three lists, consulted in the order `error`, `fail`, `pass`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) error: Box<[Test]>,
    pub(crate) fail: Box<[Test]>,
    pub(crate) pass: Box<[Test]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) condition: Condition,
    pub(crate) needs: Needs,
    /// Place in its list as written.
    pub(crate) index: usize,
}

/// An outcome with its reason.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Reason,
}

impl Ruling {
    pub(crate) fn new(outcome: Outcome, reason: impl Into<Reason>) -> Self {
        Self {
            outcome,
            reason: reason.into(),
        }
    }

    fn by_condition(outcome: Outcome, code: ReasonCode, list: Outcome, index: usize) -> Self {
        let detail: Cow<'static, str> = format!("conditions.{list}[{index}]").into();
        Self::new(outcome, Reason::with_detail(code, detail))
    }
}

impl From<Fault> for Ruling {
    fn from(fault: Fault) -> Self {
        Self::new(Outcome::Error, fault)
    }
}

impl Conditions {
    /// The ruling of the conditions; `None` when they leave the outcome open.
    pub(crate) fn rule(
        &self,
        locals: &LocalValues<'_>,
        scope: Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Result<Option<Ruling>, Fault> {
        let lists = [
            (Outcome::Error, ReasonCode::ErrorCondition, &self.error),
            (Outcome::Fail, ReasonCode::FailCondition, &self.fail),
        ];
        for (list, code, tests) in lists {
            for test in tests {
                if test.holds(list, locals, scope, notes)? {
                    return Ok(Some(Ruling::by_condition(list, code, list, test.index)));
                }
            }
        }
        for test in &self.pass {
            if !test.holds(Outcome::Pass, locals, scope, notes)? {
                let code = ReasonCode::PassConditionUnmet;
                let ruling = Ruling::by_condition(Outcome::Fail, code, Outcome::Pass, test.index);
                return Ok(Some(ruling));
            }
        }
        let passed = || Ruling::new(Outcome::Pass, ReasonCode::RulePassed);
        Ok((!self.pass.is_empty()).then(passed))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Outcome, &Test)> {
        let lists = [
            (Outcome::Error, &self.error),
            (Outcome::Fail, &self.fail),
            (Outcome::Pass, &self.pass),
        ];
        lists
            .into_iter()
            .flat_map(|(list, tests)| tests.iter().map(move |test| (list, test)))
    }

    pub(crate) fn add_reads(&self, reads: &mut Reads) {
        for (_, test) in self.iter() {
            reads.extend(test.condition.reads());
        }
    }
}

impl Test {
    fn holds(
        &self,
        list: Outcome,
        locals: &LocalValues<'_>,
        scope: Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Result<bool, Fault> {
        locals.prepare(&self.needs, scope);
        let result = self.condition.holds(scope);
        notes.condition(list, self, &result, scope);
        result.map_err(|source| Fault::Condition {
            list,
            index: self.index,
            source,
        })
    }
}
