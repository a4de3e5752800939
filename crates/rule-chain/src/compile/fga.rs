//! What a store of relationships is asked.

mod names;

use std::collections::BTreeMap;

use ztag_expr::{Expression, Hybrid, Shape, Template, Vocabulary};
use ztag_fga_remote::{Consistency, Name, NameKind, STORE};
use ztag_types::{Code, ConfigPath, Diagnostic, Reads, Root};

use super::Compiler;
use crate::fga::{CheckPlan, FgaPlan, GivenPlan, ITEM_SLOT, ListPlan, Parameters, TuplePlan};
use crate::fga_spec::{
    FgaCheckSpec, FgaConditionSpec, FgaConsistency, FgaListSpec, FgaSpec, FgaTupleSpec,
};
use crate::locals::{Locals, reads_local};

/// Checks of one rule: as many as a server takes at once.
const MAX_CHECKS: usize = 50;

impl Compiler<'_> {
    /// What is asked before the backend is; `None` for a rule that asks nobody, or with findings.
    pub(super) fn fga(&mut self, locals: &Locals) -> Option<FgaPlan> {
        let (spec, at) = (self.spec.fga.as_ref()?, self.at.key("fga"));
        let place = at.key("store");
        let stores = self.deps.stores;
        let store = stores.find(STORE, &spec.store, &place, self.findings);
        let checks = self.checks(spec, &at);
        let list = spec.list_objects.as_ref();
        let list = list.map(|list| self.list(list, spec, &at.key("listObjects")));
        let given = self.given(spec, &at);
        if checks.is_empty() && list.is_none() {
            let message = "nothing is asked";
            let found = Diagnostic::error(Code::MissingKey, &at.key("relation"), message);
            let hint = "write `user`, `relation` and `object`, `all`, `any` or `listObjects`";
            self.findings.push(found.hint(hint));
        }
        let store = store?;
        let checks = checks.into_iter().collect::<Option<Box<[_]>>>()?;
        let mut plan = FgaPlan {
            store: spec.store.trim().into(),
            authority: store.authority.clone(),
            on_outage: store.on_outage,
            all: checks.len() - spec.any.len(),
            checks,
            list: match list {
                None => None,
                Some(list) => Some(list?),
            },
            given: given?,
            consistency: match spec.consistency {
                FgaConsistency::MinimizeLatency => Consistency::MinimizeLatency,
                FgaConsistency::HigherConsistency => Consistency::HigherConsistency,
            },
            enforce: spec.enforce,
            ttl: self.spec.cache.ttl,
            needs: locals.needed_by(&Reads::nothing()),
        };
        let mut reads = Reads::nothing();
        plan.add_reads(&mut reads);
        plan.needs = locals.needed_by(&reads);
        self.check_order(&reads, locals, &at);
        if let Some(model) = &store.model {
            self.check_names(&plan, model, &at);
        }
        Some(plan)
    }

    /// The checks of `all`, then those of `any`; the single one where there are none.
    fn checks(&mut self, spec: &FgaSpec, at: &ConfigPath) -> Vec<Option<CheckPlan>> {
        let count = spec.all.len() + spec.any.len();
        if count > MAX_CHECKS {
            let message = format!("{count} checks are more than {MAX_CHECKS}");
            self.error(Code::InvalidValue, at, message);
            return vec![None];
        }
        if count == 0 && spec.relation.is_none() && spec.object.is_none() {
            return Vec::new();
        }
        if count == 0 {
            let single = FgaCheckSpec::default();
            return vec![self.check(&single, spec, String::new(), at)];
        }
        let lists = [("all", &spec.all), ("any", &spec.any)];
        let mut checks = Vec::with_capacity(count);
        for (key, list) in lists {
            for (index, own) in list.iter().enumerate() {
                let at = at.key(key).index(index);
                checks.push(self.check(own, spec, format!("{key}[{index}]"), &at));
            }
        }
        checks
    }

    fn check(
        &mut self,
        own: &FgaCheckSpec,
        spec: &FgaSpec,
        place: String,
        at: &ConfigPath,
    ) -> Option<CheckPlan> {
        let names = [
            (NameKind::User, &own.user, &spec.user),
            (NameKind::Relation, &own.relation, &spec.relation),
            (NameKind::Object, &own.object, &spec.object),
        ];
        let [user, relation, object] =
            names.map(|(kind, own, all)| self.inherited(kind, own.as_ref(), all.as_ref(), at));
        Some(CheckPlan {
            user: user?,
            relation: relation?,
            object: object?,
            place: place.into(),
        })
    }

    fn list(&mut self, own: &FgaListSpec, spec: &FgaSpec, at: &ConfigPath) -> Option<ListPlan> {
        let (own_user, all) = (own.user.as_ref(), spec.user.as_ref());
        let user = self.inherited(NameKind::User, own_user, all, at);
        let words = self.words.ask.clone();
        let relation = self.name(NameKind::Relation, &own.relation, &words, at);
        let type_name = self.name(NameKind::Type, &own.type_name, &words, at);
        Some(ListPlan {
            user: user?,
            relation: relation?,
            type_name: type_name?,
        })
    }

    /// A name of one question, which stands at `at`, or that of all of them.
    fn inherited(
        &mut self,
        kind: NameKind,
        own: Option<&String>,
        all: Option<&String>,
        at: &ConfigPath,
    ) -> Option<Name> {
        let words = self.words.ask.clone();
        match (own, all) {
            (Some(source), _) => self.name(kind, source, &words, at),
            (None, Some(source)) => self.name(kind, source, &words, &self.at.key("fga")),
            (None, None) => self.name(kind, "", &words, at),
        }
    }

    /// A name that stands below `at` under the key of its kind.
    fn name(
        &mut self,
        kind: NameKind,
        source: &str,
        words: &Vocabulary,
        at: &ConfigPath,
    ) -> Option<Name> {
        let (source, at) = (source.trim(), at.key(kind.as_str()));
        if source.is_empty() {
            let message = format!("a question needs a `{}`", kind.as_str());
            self.error(Code::MissingKey, &at, message);
            return None;
        }
        let template = Template::compile(source, words, self.deps.templates);
        let name = Name::new(kind, source, self.keep(template, &at)?);
        if let Some(text) = name.template().literal()
            && !name.fits(text)
        {
            let message = format!("`{text}` is not {}", kind.form());
            self.error(Code::InvalidValue, &at, message);
            return None;
        }
        Some(name)
    }

    fn given(&mut self, spec: &FgaSpec, at: &ConfigPath) -> Option<GivenPlan> {
        let before = self.findings.errors();
        let place = at.key("contextualTuples");
        let tuples = spec.contextual_tuples.iter().enumerate();
        let tuples: Vec<_> = tuples
            .filter_map(|(index, tuple)| self.tuple(tuple, &place.index(index)))
            .collect();
        let words = self.words.ask.clone();
        let context = self.parameters(&spec.context, &words, &at.key("context"));
        (self.findings.errors() == before).then(|| GivenPlan {
            tuples: tuples.into(),
            context,
        })
    }

    fn tuple(&mut self, spec: &FgaTupleSpec, at: &ConfigPath) -> Option<TuplePlan> {
        let mut words = self.words.ask.clone();
        let mut each = None;
        if let Some(source) = &spec.each {
            let place = at.key("each");
            let expression = Expression::compile(source, &words);
            each = Some(self.keep(expression, &place)?);
            words = words.declare("item", ITEM_SLOT, Shape::Any);
        }
        let user = self.name(NameKind::User, &spec.user, &words, at);
        let relation = self.name(NameKind::Relation, &spec.relation, &words, at);
        let object = self.name(NameKind::Object, &spec.object, &words, at);
        let condition = spec.condition.as_ref();
        let condition = condition.map(|own| self.condition(own, &at.key("condition")));
        Some(TuplePlan {
            each,
            user: user?,
            relation: relation?,
            object: object?,
            condition: match condition {
                None => None,
                Some(condition) => Some(condition?),
            },
        })
    }

    fn condition(
        &mut self,
        spec: &FgaConditionSpec,
        at: &ConfigPath,
    ) -> Option<(Box<str>, Parameters)> {
        let name = spec.name.trim();
        if name.is_empty() {
            let message = "a condition needs a `name`";
            self.error(Code::MissingKey, &at.key("name"), message);
            return None;
        }
        let words = self.words.ask.clone();
        let context = self.parameters(&spec.context, &words, &at.key("context"));
        Some((name.into(), context))
    }

    fn parameters(
        &mut self,
        spec: &BTreeMap<String, String>,
        words: &Vocabulary,
        at: &ConfigPath,
    ) -> Parameters {
        let mut parameters = Vec::with_capacity(spec.len());
        for (name, source) in spec {
            let at = at.key(name);
            let hybrid = Hybrid::compile(source, words, self.deps.templates);
            if let Some(hybrid) = self.keep(hybrid, &at) {
                parameters.push((name.as_str().into(), hybrid));
            }
        }
        Parameters(parameters.into())
    }

    /// What is asked first cannot read what is known later.
    pub(super) fn check_order(&mut self, reads: &Reads, locals: &Locals, at: &ConfigPath) {
        let late = [Root::Backend, Root::Fga, Root::Guard].map(Root::as_str);
        for local in locals.iter() {
            let all = locals.read_through(local.source.reads());
            let root = late.iter().find(|root| all.touches(&[root]));
            if let (true, Some(root)) = (reads_local(reads, &local.name), root) {
                let name = &local.name;
                let message =
                    format!("`variables.local.{name}` reads `{root}`, which is not known yet");
                let found = Diagnostic::error(Code::UnknownName, at, message);
                let hint = "ask the backend in an earlier rule, and read what it exports";
                self.findings.push(found.hint(hint));
            }
        }
    }
}
