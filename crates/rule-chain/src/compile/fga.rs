//! What a store of relationships is asked.

use std::collections::BTreeMap;

use ztag_expr::{Expression, Hybrid, Shape, Template, Vocabulary};
use ztag_fga::Model;
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
        let above = self.at.key("fga");
        let user = self.inherited(
            NameKind::User,
            own.user.as_ref(),
            spec.user.as_ref(),
            at,
            &above,
        );
        let relation = self.inherited(
            NameKind::Relation,
            own.relation.as_ref(),
            spec.relation.as_ref(),
            at,
            &above,
        );
        let object = self.inherited(
            NameKind::Object,
            own.object.as_ref(),
            spec.object.as_ref(),
            at,
            &above,
        );
        Some(CheckPlan {
            user: user?,
            relation: relation?,
            object: object?,
            place: place.into(),
        })
    }

    fn list(&mut self, own: &FgaListSpec, spec: &FgaSpec, at: &ConfigPath) -> Option<ListPlan> {
        let above = self.at.key("fga");
        let user = self.inherited(
            NameKind::User,
            own.user.as_ref(),
            spec.user.as_ref(),
            at,
            &above,
        );
        let words = self.words.ask.clone();
        let relation = self.name(NameKind::Relation, &own.relation, &words, at);
        let type_name = self.name(NameKind::Type, &own.type_name, &words, at);
        Some(ListPlan {
            user: user?,
            relation: relation?,
            type_name: type_name?,
        })
    }

    /// A name of one check, or that of all of them, which stands `above`.
    fn inherited(
        &mut self,
        kind: NameKind,
        own: Option<&String>,
        all: Option<&String>,
        at: &ConfigPath,
        above: &ConfigPath,
    ) -> Option<Name> {
        let words = self.words.ask.clone();
        match (own, all) {
            (Some(source), _) => self.name(kind, source, &words, at),
            (None, Some(source)) => self.name(kind, source, &words, above),
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

    /// Tells of types and relations that the model does not know.
    fn check_names(&mut self, plan: &FgaPlan, model: &Model, at: &ConfigPath) {
        let asked = plan.checks.iter();
        let asked = asked.map(|check| {
            let kind = type_of(&check.object);
            (&*check.place, "object", kind, &check.relation, &check.user)
        });
        let listed = plan.list.iter();
        let listed = listed.map(|list| {
            let kind = list.type_name.template().literal().map(str::to_owned);
            ("listObjects", "type", kind, &list.relation, &list.user)
        });
        let asked: Vec<_> = asked.chain(listed).collect();
        for (place, key, kind, relation, user) in asked {
            let at = place_below(at, place);
            if let Some(kind) = kind {
                self.check_relation(model, &kind, relation, &at, key);
            }
            if let Some(kind) = type_of(user) {
                self.check_type(model, &kind, &at.key("user"));
            }
        }
    }

    fn check_relation(
        &mut self,
        model: &Model,
        kind: &str,
        relation: &Name,
        at: &ConfigPath,
        key: &str,
    ) {
        if !self.check_type(model, kind, &at.key(key)) {
            return;
        }
        let mut types = model.spec().type_definitions.iter();
        let own = types.find(|own| own.name == kind);
        if let (Some(own), Some(name)) = (own, relation.template().literal())
            && !own.relations.contains_key(name)
        {
            let message = format!("type `{kind}` has no relation `{name}`");
            let names = own.relations.keys().map(String::as_str);
            self.unknown(name, names, &at.key("relation"), message);
        }
    }

    fn check_type(&mut self, model: &Model, kind: &str, at: &ConfigPath) -> bool {
        let types = &model.spec().type_definitions;
        let is_known = types.iter().any(|own| own.name == kind);
        if !is_known {
            let message = format!("the model has no type `{kind}`");
            let names = types.iter().map(|own| own.name.as_str());
            self.unknown(kind, names, at, message);
        }
        is_known
    }

    fn unknown<'n>(
        &mut self,
        name: &str,
        known: impl Iterator<Item = &'n str>,
        at: &ConfigPath,
        message: String,
    ) {
        let found = Diagnostic::error(Code::UnknownName, at, message);
        self.findings.push(match Diagnostic::nearest(name, known) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found,
        });
    }
}

/// The type that a name begins with, where it is written out.
fn type_of(name: &Name) -> Option<String> {
    let (kind, _) = name.source().split_once(':')?;
    (!kind.contains('{')).then(|| kind.to_owned())
}

/// The path of a place such as `any[1]`.
fn place_below(at: &ConfigPath, place: &str) -> ConfigPath {
    let Some((key, index)) = place.split_once('[') else {
        return match place {
            "" => at.clone(),
            key => at.key(key),
        };
    };
    let index = index.trim_end_matches(']').parse();
    at.key(key).index(index.unwrap_or_default())
}
