//! The steps of a search.

use ahash::AHashSet;

use crate::check::memo::Place;
use crate::error::Error;
use crate::ids::BarrierId;

/// Places looked at, from which on a set is kept of them.
pub(super) const FEW: usize = 24;

/// A place on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) place: Place,
    /// The step that led here.
    pub(super) from: u32,
    pub(super) depth: u16,
}

/// A search that is under way.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(super) steps: Vec<Step>,
    /// The places of all steps, where they are many.
    seen: AHashSet<Place>,
    /// Intersections and exclusions met, with the steps that met them.
    pub(super) barriers: Vec<(BarrierId, u32)>,
    pub(super) fault: Option<Box<Error>>,
    pub(super) circular: bool,
    pub(super) floor: usize,
    /// The depth that known answers reach down to.
    pub(super) deepest: u16,
}

impl Search {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.seen.clear();
        self.barriers.clear();
        self.fault = None;
        self.circular = false;
        self.floor = usize::MAX;
        self.deepest = 0;
    }

    /// Whether it is worth keeping for the next question.
    pub(in crate::check) fn is_small(&self) -> bool {
        self.steps.capacity() <= 4096 && self.seen.capacity() <= 8192
    }

    /// The places from this step back to the first.
    pub(super) fn way_to(&self, number: u32) -> impl Iterator<Item = Place> {
        let mut next = Some(number);
        std::iter::from_fn(move || {
            let at = next?;
            let step = self.steps.get(at as usize)?;
            next = (at > 0).then_some(step.from);
            Some(step.place)
        })
    }

    /// Adds a place, unless it is there.
    pub(super) fn push(&mut self, step: Step) {
        if self.steps.len() < FEW {
            if self.steps.iter().any(|own| own.place == step.place) {
                return;
            }
        } else {
            if self.seen.is_empty() {
                self.seen.extend(self.steps.iter().map(|own| own.place));
            }
            if !self.seen.insert(step.place) {
                return;
            }
        }
        self.steps.push(step);
    }
}
