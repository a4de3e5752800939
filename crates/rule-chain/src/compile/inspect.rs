//! What a guardrail reads.

use std::sync::Arc;

use ztag_ai_security::guardrail::BodyPlan;
use ztag_types::{Code, ConfigPath, DefinitionKind, Diagnostic, Reads, SmolStr};

use super::Compiler;
use crate::inspect::{InspectPlan, TextPlan};
use crate::inspect_spec::InspectTextSpec;
use crate::locals::Locals;

/// Texts of one rule beside the body.
const MAX_TEXTS: usize = 16;

/// Name of the guardrail that nobody has to define.
const STANDARD: &str = "standard";

/// How guardrails are called in messages.
const GUARDRAIL: DefinitionKind = DefinitionKind {
    word: "guardrail",
    section: "guardrails",
};

impl Compiler<'_> {
    /// What is read first; `None` for a rule that reads nothing, or with findings.
    pub(super) fn inspect(&mut self, locals: &Locals) -> Option<InspectPlan> {
        let (spec, at) = (self.spec.inspect.as_ref()?, self.at.key("inspect"));
        let name = spec.guardrail.as_deref().map_or(STANDARD, str::trim);
        let place = at.key("guardrail");
        let guardrails = self.deps.guardrails;
        let guardrail = guardrails.find(GUARDRAIL, name, &place, self.findings);
        let body = spec.body.as_ref();
        let body = body.map(|own| BodyPlan::compile(own, &at.key("body"), self.findings));
        let texts = self.inspected_texts(&spec.texts, &at.key("texts"));
        if body.is_none() && spec.texts.is_empty() {
            let found = Diagnostic::error(Code::MissingKey, &at.key("body"), "nothing is read");
            self.findings
                .push(found.hint("write `body`, `texts` or both"));
        }
        let mut plan = InspectPlan {
            name: SmolStr::new(name),
            guardrail: Arc::clone(guardrail?),
            body: match body {
                None => None,
                Some(plan) => Some(plan?),
            },
            texts: texts?,
            shadow: spec.shadow,
            on_unreadable: spec.on_unreadable,
            needs: locals.needed_by(&Reads::nothing()),
        };
        let mut reads = Reads::nothing();
        plan.add_reads(&mut reads);
        plan.needs = locals.needed_by(&reads);
        self.check_order(&reads, locals, &at);
        self.check_masking(&plan, &at);
        Some(plan)
    }

    fn inspected_texts(
        &mut self,
        specs: &[InspectTextSpec],
        at: &ConfigPath,
    ) -> Option<Box<[TextPlan]>> {
        if specs.len() > MAX_TEXTS {
            let message = format!("{} texts are more than {MAX_TEXTS}", specs.len());
            self.error(Code::InvalidValue, at, message);
            return None;
        }
        let texts = specs.iter().enumerate().map(|(index, spec)| {
            let place = at.index(index).key("value");
            Some(TextPlan {
                value: self.template(&spec.value, &place, |words| &words.ask)?,
                channel: spec.channel,
                place: format!("texts[{index}]").into(),
            })
        });
        let texts: Vec<_> = texts.collect();
        texts.into_iter().collect()
    }

    /// A body is masked once: whoever reads it next would see the one received.
    fn check_masking(&mut self, plan: &InspectPlan, at: &ConfigPath) {
        let mut earlier = self.deps.earlier.iter();
        let Some(rule) = earlier.find(|rule| rule.masks) else {
            return;
        };
        if plan.masks() {
            let message = format!("rule `{}` masks the body already", rule.name);
            let found = Diagnostic::error(Code::InvalidValue, at, message);
            self.findings
                .push(found.hint("mask in one rule of the endpoint only"));
        }
    }
}
