//! Whether the model of a store knows what is asked of it.

use ztag_fga::Model;
use ztag_fga_remote::Name;
use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::compile::Compiler;
use crate::fga::FgaPlan;

impl Compiler<'_> {
    /// Tells of types and relations that the model does not know.
    pub(super) fn check_names(&mut self, plan: &FgaPlan, model: &Model, at: &ConfigPath) {
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
