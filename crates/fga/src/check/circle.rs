//! Whether a search that found nobody went in circles.

use ahash::AHashMap;

use crate::check::memo::Place;
use crate::check::session::Session;
use crate::ids::{EntityId, NodeId, PlanId, RelationId};

/// A place being looked at, and the places that it leads to.
struct Open {
    place: (EntityId, PlanId),
    next: Vec<(EntityId, PlanId)>,
}

impl Session<'_> {
    /// Whether the places reached from `object` along unions lead back to one on the way. What
    /// barriers lead to has been judged with them.
    pub(super) fn is_circular(&self, object: EntityId, plan: PlanId) -> bool {
        if !self.model().plan(plan).is_recursive {
            return false;
        }
        // Places that are on the way, and those that are done.
        let mut is_open = AHashMap::from([(Place::new(object, plan), true)]);
        let first = (object, plan);
        let mut way = vec![Open {
            place: first,
            next: self.next(first),
        }];
        while let Some(last) = way.last_mut() {
            let Some(next) = last.next.pop() else {
                let (object, plan) = last.place;
                is_open.insert(Place::new(object, plan), false);
                way.pop();
                continue;
            };
            match is_open.get(&Place::new(next.0, next.1)) {
                Some(true) => return true,
                Some(false) => {}
                None => {
                    is_open.insert(Place::new(next.0, next.1), true);
                    way.push(Open {
                        place: next,
                        next: self.next(next),
                    });
                }
            }
        }
        false
    }

    /// Where a place leads to. Conditions have been evaluated before without fault.
    fn next(&self, (object, plan): (EntityId, PlanId)) -> Vec<(EntityId, PlanId)> {
        let model = self.model();
        let plan = model.plan(plan);
        let row = self.asked.by_object(object);
        let mut next = Vec::new();
        let mut add = |entity, target: Option<PlanId>| {
            let is_reachable = |target: &PlanId| self.can_reach(*target);
            next.extend(target.filter(is_reachable).map(|target| (entity, target)));
        };
        let directs = plan
            .directs
            .iter()
            .filter(|node| self.can_reach(node.plan()));
        for node in directs.map(|id| model.node(*id)) {
            for userset in &node.direct.usersets {
                for found in row.range(node.relation, *userset) {
                    let far = found.edge.far();
                    let kind = self.asked.kind(far);
                    let entry = kind.and_then(|kind| node.direct.entry(kind, *userset, false));
                    let entry = entry.filter(|entry| self.counts(Some(found), entry, &mut None));
                    add(far, entry.and_then(|entry| entry.node).map(NodeId::plan));
                }
            }
        }
        for parents in plan
            .parents
            .iter()
            .filter(|parents| self.can_reach(parents.owner.plan()))
        {
            let tupleset = model.node(parents.tupleset);
            for found in row.range(tupleset.relation, RelationId::NONE) {
                let far = found.edge.far();
                let kind = self.asked.kind(far);
                let entry =
                    kind.and_then(|kind| tupleset.direct.entry(kind, RelationId::NONE, false));
                let entry = entry.filter(|entry| self.counts(Some(found), entry, &mut None));
                let mut targets = parents.targets.iter().filter(|_| entry.is_some());
                let target = targets.find(|(own, _)| Some(*own) == kind);
                add(far, target.map(|(_, node)| node.plan()));
            }
        }
        next
    }
}
