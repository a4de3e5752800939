//! Model as written to model as asked.

use ahash::AHashMap;
use smallvec::SmallVec;

use crate::condition::Condition;
use crate::error::{Error, ErrorCode};
use crate::ids::{NodeId, RelationId};
use crate::limits::{Limits, Semantics};
use crate::model::plan::Planner;
use crate::model::{
    Admitted, Crossings, Direct, Kind, Model, ModelId, Node, Parents, Reverse, Rewrite, entry,
    lane, reach, rules,
};
use crate::spec::{ModelSpec, Restriction, RewriteSpec, TypeSpec};
use crate::symbols::Symbols;

/// Relations of one model at the most.
const MAX_NODES: usize = 20_000;

pub(super) fn compile(
    spec: ModelSpec,
    id: ModelId,
    symbols: &mut Symbols,
    limits: &Limits,
) -> Result<Model, Error> {
    rules::names(&spec, limits)?;
    let conditions = conditions(&spec, limits)?;
    let kinds = kinds(&spec, symbols)?;
    let mut nodes = Vec::new();
    for kind in &spec.type_definitions {
        for (relation, rewrite) in &kind.relations {
            rules::relation(&spec, kind, relation, rewrite, limits.semantics)?;
            let compiler = Compiler {
                spec: &spec,
                kinds: &kinds,
                symbols,
                kind,
            };
            nodes.push(compiler.node(relation, rewrite)?);
        }
    }
    rules::computed_cycles(&nodes)?;
    entry::check(&nodes)?;
    let by_type = kinds.values().map(|kind| (kind.id, kind.index)).collect();
    let (mut plans, barriers) = Planner::new(&nodes).plan()?;
    reach::fill(&kinds, &nodes, &barriers, &mut plans, limits.semantics);
    lane::fill(&nodes, &mut plans);
    let crossings = match limits.semantics {
        Semantics::V1 => None,
        Semantics::Weighted => Some(Crossings::of(&nodes, &barriers, &plans)?),
    };
    let reverse = Reverse::of(&nodes);
    Ok(Model {
        id,
        spec,
        kinds,
        by_type,
        nodes,
        plans,
        barriers,
        conditions,
        reverse,
        crossings,
    })
}

fn conditions(spec: &ModelSpec, limits: &Limits) -> Result<AHashMap<Box<str>, Condition>, Error> {
    let compile = |(key, spec): (&String, _)| {
        let condition = Condition::compile(key, spec, limits)?;
        Ok((key.as_str().into(), condition))
    };
    spec.conditions.iter().map(compile).collect()
}

fn kinds(spec: &ModelSpec, symbols: &mut Symbols) -> Result<AHashMap<Box<str>, Kind>, Error> {
    let mut kinds = AHashMap::new();
    let mut next = 0;
    for (index, kind) in spec.type_definitions.iter().enumerate() {
        let mut relations = AHashMap::new();
        for relation in kind.relations.keys() {
            if usize::from(next) >= MAX_NODES {
                let message = "the model has too many relations";
                return Err(Error::new(ErrorCode::ExceededEntityLimit, message));
            }
            symbols.intern_relation(relation)?;
            relations.insert(relation.as_str().into(), NodeId(next));
            next += 1;
        }
        let id = symbols.intern_type(&kind.name)?;
        kinds.insert(
            kind.name.as_str().into(),
            Kind {
                id,
                index,
                relations,
            },
        );
    }
    Ok(kinds)
}

struct Compiler<'a> {
    spec: &'a ModelSpec,
    kinds: &'a AHashMap<Box<str>, Kind>,
    symbols: &'a Symbols,
    kind: &'a TypeSpec,
}

impl Compiler<'_> {
    fn node(&self, name: &str, rewrite: &RewriteSpec) -> Result<Node, Error> {
        let broken = || Error::model(format!("the relation '{name}' is broken"));
        let kind = self.kinds.get(self.kind.name.as_str()).ok_or_else(broken)?;
        Ok(Node {
            kind: kind.id,
            kind_name: self.kind.name.as_str().into(),
            relation: self.symbols.find_relation(name).ok_or_else(broken)?,
            name: name.into(),
            direct: self
                .direct(self.kind.restrictions(name))
                .ok_or_else(broken)?,
            rewrite: self.rewrite(name, rewrite).ok_or_else(broken)?,
        })
    }

    fn find(&self, kind: &str, relation: &str) -> Option<NodeId> {
        self.kinds.get(kind)?.relations.get(relation).copied()
    }

    /// `None` where a name leads nowhere, which the rules have ruled out.
    fn rewrite(&self, name: &str, spec: &RewriteSpec) -> Option<Rewrite> {
        let all = |parts: &[RewriteSpec]| -> Option<Box<[Rewrite]>> {
            parts.iter().map(|part| self.rewrite(name, part)).collect()
        };
        Some(match spec {
            RewriteSpec::This => Rewrite::This,
            RewriteSpec::Computed(of) => Rewrite::Computed(self.find(&self.kind.name, of)?),
            RewriteSpec::TupleToUserset { tupleset, computed } => {
                Rewrite::Parents(self.parents(name, tupleset, computed)?)
            }
            RewriteSpec::Union(parts) => Rewrite::Union(all(parts)?),
            RewriteSpec::Intersection(parts) => Rewrite::Intersection(all(parts)?),
            RewriteSpec::Difference(pair) => {
                let [base, subtract] = &**pair;
                Rewrite::Difference(Box::new([
                    self.rewrite(name, base)?,
                    self.rewrite(name, subtract)?,
                ]))
            }
        })
    }

    fn parents(&self, owner: &str, tupleset: &str, computed: &str) -> Option<Parents> {
        let types = self.kind.restrictions(tupleset).iter();
        let mut targets: Vec<_> = types
            .filter_map(|restriction| {
                let kind = self.kinds.get(restriction.name.as_str())?;
                Some((kind.id, kind.relations.get(computed).copied()?))
            })
            .collect();
        targets.sort_unstable();
        targets.dedup();
        Some(Parents {
            owner: self.find(&self.kind.name, owner)?,
            tupleset: self.find(&self.kind.name, tupleset)?,
            targets: targets.into(),
            computed: computed.into(),
        })
    }

    fn direct(&self, restrictions: &[Restriction]) -> Option<Direct> {
        let mut admitted: Vec<Admitted> = Vec::new();
        for restriction in restrictions {
            let fresh = self.admitted(restriction)?;
            let same = admitted.iter_mut().find(|own| {
                let key = |entry: &Admitted| (entry.kind, entry.relation, entry.wildcard);
                key(own) == key(&fresh)
            });
            match same {
                Some(own) => {
                    own.bare |= fresh.bare;
                    own.conditions.extend(fresh.conditions);
                }
                None => admitted.push(fresh),
            }
        }
        let mut usersets: Vec<_> = admitted.iter().map(|entry| entry.relation).collect();
        usersets.sort_unstable();
        usersets.dedup();
        usersets.retain(|relation| *relation != RelationId::NONE);
        Some(Direct {
            admitted: admitted.into(),
            usersets: usersets.into(),
        })
    }

    fn admitted(&self, restriction: &Restriction) -> Option<Admitted> {
        let relation = restriction.relation.as_deref();
        let node = match relation {
            Some(relation) => Some(self.find(&restriction.name, relation)?),
            None => None,
        };
        let number = |relation| self.symbols.find_relation(relation);
        let condition = restriction.condition.as_deref();
        debug_assert!(condition.is_none_or(|name| self.spec.conditions.contains_key(name)));
        Some(Admitted {
            kind: self.kinds.get(restriction.name.as_str())?.id,
            relation: relation.map_or(Some(RelationId::NONE), number)?,
            node,
            wildcard: restriction.wildcard.is_some(),
            bare: condition.is_none(),
            conditions: condition
                .into_iter()
                .map(Box::from)
                .collect::<SmallVec<_>>(),
        })
    }
}
