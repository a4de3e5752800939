//! Whether a search that found nobody went in circles.

use ahash::AHashMap;

use crate::check::memo::Place;
use crate::check::session::Session;
use crate::ids::{EntityId, PlanId};
use crate::model::Way;

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
        let plan = self.model().plan(plan);
        let row = self.asked.by_object(object);
        let mut next = Vec::new();
        for lane in &plan.lanes {
            let reachable = |way: &&Way| self.can_reach(way.owner) && self.can_reach(way.target);
            for found in row.range(lane.relation, lane.userset) {
                let far = found.edge.far();
                let kind = self.asked.kind(far);
                let ways = lane.ways.iter().filter(|way| Some(way.kind) == kind);
                for way in ways.filter(reachable) {
                    if self.counts(Some(found), way.entry, &mut None) {
                        next.push((far, way.target));
                    }
                }
            }
        }
        next
    }
}
