//! Random models, tuples and questions.

use std::collections::BTreeMap;

use serde_json::json;
use ztag_fga::spec::{
    ConditionSpec, Empty, ModelSpec, ParameterSpec, RelationMetadata, Restriction, RewriteSpec,
    TypeMetadata, TypeName, TypeSpec,
};
use ztag_fga::{Fields, Limits, Model, Semantics, Tuple};

/// Types that have relations; `user` and `agent` have none.
const KINDS: [&str; 3] = ["doc", "folder", "group"];
const PEOPLE: [&str; 2] = ["user", "agent"];
const RELATIONS: [&str; 5] = ["a", "b", "c", "d", "parent"];
const IDS: [&str; 3] = ["1", "2", "3"];

/// A generator of numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A model that follows all rules of a resolver.
    pub(crate) fn model(&mut self, semantics: Semantics) -> ModelSpec {
        let limits = Limits {
            semantics,
            ..Limits::default()
        };
        loop {
            let model = self.any_model();
            if Model::validate(&model, &limits).is_ok() {
                return model;
            }
        }
    }

    fn id(&mut self) -> &'static str {
        let few = if self.one_in(5) { 3 } else { 2 };
        IDS[self.below(few)]
    }

    /// Mostly users: so that questions and tuples meet.
    fn people(&mut self) -> &'static str {
        PEOPLE[usize::from(self.one_in(6))]
    }

    fn any_model(&mut self) -> ModelSpec {
        let people = PEOPLE.map(|name| TypeSpec {
            name: name.into(),
            ..TypeSpec::default()
        });
        let count = [1, 1, 1, 2, 2, 3][self.below(6)];
        let kinds = KINDS[..count].to_vec();
        let kinds: Vec<_> = kinds.iter().map(|name| self.kind(name, &kinds)).collect();
        ModelSpec {
            schema_version: "1.1".into(),
            type_definitions: people.into_iter().chain(kinds).collect(),
            conditions: BTreeMap::from([(
                "small".into(),
                ConditionSpec {
                    name: "small".into(),
                    expression: "x < 10".into(),
                    parameters: BTreeMap::from([("x".into(), ParameterSpec::plain(TypeName::Int))]),
                    metadata: None,
                },
            )]),
            ..ModelSpec::default()
        }
    }

    fn kind(&mut self, name: &str, kinds: &[&str]) -> TypeSpec {
        let mut relations = BTreeMap::new();
        let mut metadata = BTreeMap::new();
        for relation in RELATIONS {
            let is_parent = relation == "parent";
            let rewrite = if is_parent {
                RewriteSpec::This
            } else {
                self.rewrite(relation, 3)
            };
            let mut restrictions = Vec::new();
            if rewrite.has_this() {
                for _ in 0..=self.below(3) {
                    let restriction = self.restriction(kinds, is_parent);
                    if !restrictions.contains(&restriction) {
                        restrictions.push(restriction);
                    }
                }
            }
            relations.insert(relation.into(), rewrite);
            metadata.insert(
                relation.into(),
                RelationMetadata {
                    directly_related_user_types: restrictions,
                    ..RelationMetadata::default()
                },
            );
        }
        TypeSpec {
            name: name.into(),
            relations,
            metadata: Some(TypeMetadata {
                relations: metadata,
                ..TypeMetadata::default()
            }),
        }
    }

    fn restriction(&mut self, kinds: &[&str], plain: bool) -> Restriction {
        let mut restriction = Restriction {
            condition: self.one_in(4).then(|| "small".into()),
            ..Restriction::default()
        };
        if plain {
            restriction.name = (*self.pick(kinds)).into();
            return restriction;
        }
        match self.below(6) {
            0 => {
                restriction.name = self.people().into();
                restriction.wildcard = Some(Empty {});
            }
            1 | 2 => {
                restriction.name = (*self.pick(kinds)).into();
                restriction.relation = Some((*self.pick(&RELATIONS[..4])).into());
            }
            _ => restriction.name = self.people().into(),
        }
        restriction
    }

    fn rewrite(&mut self, own: &str, depth: usize) -> RewriteSpec {
        let leaf = depth == 0 || self.one_in(2);
        if leaf {
            return match self.below(5) {
                0 => RewriteSpec::Computed((*self.pick(&RELATIONS[..4])).into()),
                1 => RewriteSpec::TupleToUserset {
                    tupleset: "parent".into(),
                    computed: (*self.pick(&[own, "a", "b", "c", "d"])).into(),
                },
                _ => RewriteSpec::This,
            };
        }
        let mut two = || vec![self.rewrite(own, depth - 1), self.rewrite(own, depth - 1)];
        let mut parts = two();
        match self.below(6) {
            0 | 1 => RewriteSpec::Intersection(parts),
            2 | 3 => {
                let subtract = parts.pop().unwrap();
                let base = parts.pop().unwrap();
                RewriteSpec::Difference(Box::new([base, subtract]))
            }
            _ => RewriteSpec::Union(parts),
        }
    }

    /// Tuples that the model allows, without repetition.
    pub(crate) fn tuples(&mut self, model: &ModelSpec, count: usize) -> Vec<Tuple> {
        let mut tuples: BTreeMap<_, Tuple> = BTreeMap::new();
        for _ in 0..count {
            let kinds = &model.type_definitions[PEOPLE.len()..];
            let kind = self.pick(kinds);
            let relation = *self.pick(&RELATIONS);
            let restrictions = kind.restrictions(relation);
            if restrictions.is_empty() {
                continue;
            }
            let restriction = self.pick(restrictions).clone();
            let id = if restriction.wildcard.is_some() {
                "*"
            } else {
                self.id()
            };
            let user = match &restriction.relation {
                Some(set) => format!("{}:{id}#{set}", restriction.name),
                None => format!("{}:{id}", restriction.name),
            };
            let mut tuple = Tuple::new(user, relation, format!("{}:{}", kind.name, self.id()));
            if let Some(name) = restriction.condition {
                let fixed = match self.below(3) {
                    0 => None,
                    1 => Some(json!({"x": 5})),
                    _ => Some(json!({"x": 50})),
                };
                tuple = tuple.when(name, fixed.and_then(|json| json.as_object().cloned()));
            }
            if tuple.user != format!("{}#{}", tuple.object, tuple.relation) {
                tuples.insert((tuple.object.clone(), relation, tuple.user.clone()), tuple);
            }
        }
        tuples.into_values().collect()
    }

    /// The context of a question: the parameter is often missing.
    pub(crate) fn context(&mut self) -> Fields {
        let value = match self.below(3) {
            0 => json!({}),
            1 => json!({"x": 50}),
            _ => json!({"x": 1}),
        };
        value.as_object().cloned().unwrap_or_default()
    }

    /// A relation of an object that can be asked about.
    pub(crate) fn target(&mut self, model: &ModelSpec) -> (String, String) {
        let kind = self.pick(&model.type_definitions[PEOPLE.len()..]);
        let object = format!("{}:{}", kind.name, self.id());
        (object, (*self.pick(&RELATIONS)).to_owned())
    }

    /// A user that can be asked about.
    pub(crate) fn user(&mut self, model: &ModelSpec) -> String {
        match self.below(8) {
            0 => format!("{}:*", self.people()),
            1 | 2 => {
                let (object, relation) = self.target(model);
                format!("{object}#{relation}")
            }
            3 => self.target(model).0,
            _ => format!("{}:{}", self.people(), self.id()),
        }
    }
}

/// All objects of a type that a question can be about, and one that no tuple names.
pub(crate) fn everybody(kind: &str) -> Vec<String> {
    let ids = IDS.iter().chain(&["stranger"]);
    ids.map(|id| format!("{kind}:{id}")).collect()
}
