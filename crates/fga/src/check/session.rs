//! Questions about one user, over one snapshot.

use std::cell::RefCell;

use smallvec::SmallVec;

use crate::check::memo::{Memo, Place};
use crate::check::search::Search;
use crate::check::verdict::{Answer, Verdict};
use crate::error::Error;
use crate::ids::{BarrierId, EntityId, NodeId, PlanId, RelationId};
use crate::index::{Found, Row};
use crate::model::{Admitted, Model, Operands, SubjectKind};
use crate::store::{Asked, Subject};

/// Barriers open at once at the most: evaluation recurses once for each.
const MAX_OPEN: usize = 256;

/// Questions about one user: what one of them finds out, the next ones know.
pub(crate) struct Session<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) subject: Subject,
    /// The tuples of the user, and those of all users of its type.
    pub(super) user_row: Row<'a>,
    pub(super) wildcard_row: Option<Row<'a>>,
    /// Made when there is something to keep.
    pub(super) memo: Option<Box<Memo>>,
    /// Whether answers are kept for further questions.
    pub(super) keeps: bool,
    /// The barriers being evaluated.
    pub(super) open: SmallVec<[(EntityId, BarrierId); 4]>,
    /// The places on the way to them, with the levels of their searches.
    pub(super) way: Vec<(Place, usize)>,
    /// Subproblems that may still be opened.
    pub(super) budget: usize,
}

thread_local! {
    /// Searches to be used again, so that most questions allocate nothing.
    static SPARE: RefCell<Vec<Search>> = const { RefCell::new(Vec::new()) };
}

/// Searches kept by a thread at the most.
const MAX_SPARE: usize = 64;

pub(super) fn take_search() -> Search {
    SPARE
        .with(|spare| spare.borrow_mut().pop())
        .unwrap_or_default()
}

pub(super) fn give_back(search: Search) {
    SPARE.with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MAX_SPARE && search.is_small() {
            spare.push(search);
        }
    });
}

impl<'a> Session<'a> {
    pub(crate) fn new(asked: &'a Asked<'a>, subject: Subject) -> Self {
        Self {
            asked,
            subject,
            user_row: asked.by_user(subject.entity),
            wildcard_row: subject.wildcard.map(|entity| asked.by_user(entity)),
            memo: None,
            keeps: false,
            open: SmallVec::new(),
            way: Vec::new(),
            budget: asked.limits().resolution_nodes,
        }
    }

    /// The same, remembering answers for further questions.
    pub(crate) fn shared(asked: &'a Asked<'a>, subject: Subject) -> Self {
        Self {
            keeps: true,
            ..Self::new(asked, subject)
        }
    }

    /// Whether the user is in what the plan finds for `object`. Each question has a budget of its
    /// own.
    pub(crate) fn check(&mut self, object: EntityId, plan: PlanId) -> Result<bool, Error> {
        self.budget = self.asked.limits().resolution_nodes;
        self.search(object, plan, 0, false).result()
    }

    pub(crate) const fn subject(&self) -> Subject {
        self.subject
    }

    pub(super) fn model(&self) -> &'a Model {
        &self.asked.model
    }

    pub(super) fn limit(&self) -> u8 {
        self.asked.limits().resolution_depth
    }

    /// Whether the types allow the user to be found in a relation at all.
    #[inline]
    pub(crate) fn can_reach(&self, plan: PlanId) -> bool {
        self.subject
            .bit
            .is_some_and(|bit| self.model().reaches(plan, bit))
    }

    /// Whether the user is a userset of `object` itself, of one of the relations of the plan.
    pub(crate) fn is_itself(&self, object: EntityId, plan: PlanId) -> bool {
        matches!(self.subject.kind, SubjectKind::Userset(_))
            && self.subject.entity == object
            && self
                .model()
                .plan(plan)
                .covers
                .contains(&self.subject.relation)
    }

    /// Evaluates an intersection or exclusion. `ask_circular`: whether it matters that a no is
    /// circular.
    pub(super) fn barrier(
        &mut self,
        object: EntityId,
        id: BarrierId,
        depth: u8,
        ask_circular: bool,
    ) -> Verdict {
        let key = (object, id);
        if let Some(floor) = self.open.iter().position(|open| *open == key) {
            return Verdict::circular(2 * floor + 1);
        }
        let memo = self.memo.as_ref();
        let limit = self.limit();
        let known = memo.and_then(|memo| memo.barrier(key, depth, limit, ask_circular));
        if let Some(known) = known {
            return known;
        }
        if self.open.len() == MAX_OPEN {
            return Verdict::too_complex();
        }
        let own = self.open.len();
        self.open.push(key);
        let mut verdict = match &self.model().barrier(id).operands {
            Operands::All(operands) => self.all(object, operands, depth, ask_circular),
            Operands::Without(pair) => self.without(object, *pair, depth, ask_circular),
        };
        self.open.pop();
        // What rested on this barrier alone is settled now.
        if verdict.floor > 2 * own {
            verdict.floor = usize::MAX;
        }
        let memo = self.memo.get_or_insert_default();
        memo.keep_barrier(key, &verdict, ask_circular);
        verdict
    }

    /// A no decides, even beside faults.
    fn all(&mut self, object: EntityId, operands: &[PlanId], depth: u8, ask: bool) -> Verdict {
        let mut whole = Verdict::yes(0);
        for operand in operands {
            let verdict = self.search(object, *operand, depth, ask);
            match verdict.answer {
                Answer::No => return verdict,
                Answer::Yes => {
                    whole.height = whole.height.max(verdict.height);
                    whole.floor = whole.floor.min(verdict.floor);
                }
                Answer::Fault(_) if matches!(whole.answer, Answer::Yes) => {
                    whole.answer = verdict.answer;
                }
                Answer::Fault(_) => {}
            }
        }
        whole
    }

    /// Whoever is not in the base, or is taken away, is out, even beside faults. A circle in what
    /// is taken away counts as being taken away.
    fn without(&mut self, object: EntityId, pair: [PlanId; 2], depth: u8, ask: bool) -> Verdict {
        let [base, subtract] = pair;
        let base = self.search(object, base, depth, ask);
        if matches!(base.answer, Answer::No) {
            return base;
        }
        let subtract = self.search(object, subtract, depth, true);
        match (&base.answer, &subtract.answer) {
            (_, Answer::Yes) => Verdict {
                answer: Answer::No,
                ..subtract
            },
            (_, Answer::No) if subtract.circular => subtract,
            (Answer::Fault(_), _) => base,
            (_, Answer::Fault(_)) => subtract,
            (Answer::Yes | Answer::No, Answer::No) => Verdict {
                height: base.height.max(subtract.height),
                floor: base.floor.min(subtract.floor),
                ..base
            },
        }
    }

    /// Whether the tuples of `node` itself relate the user to `object`. A fault of a condition is
    /// put into `fault`.
    pub(super) fn is_direct(
        &self,
        node: NodeId,
        object: EntityId,
        row: &mut Option<Row<'a>>,
        fault: &mut Option<Box<Error>>,
    ) -> bool {
        let model = self.model();
        let node = model.node(node);
        let (kind, is_wildcard) = match self.subject.kind {
            SubjectKind::Object(kind) => (kind, false),
            SubjectKind::Wildcard(kind) => (kind, true),
            SubjectKind::Userset(node) => (model.node(node).kind, false),
        };
        let own = node.direct.entry(kind, self.subject.relation, is_wildcard);
        let own_row = &self.user_row;
        let by_own = own.is_some_and(|entry| {
            let found = self.edge(node.relation, object, self.subject.entity, own_row, row);
            self.counts(found, entry, fault)
        });
        if by_own {
            return true;
        }
        let (Some(entity), Some(wildcard_row)) = (self.subject.wildcard, &self.wildcard_row) else {
            return false;
        };
        let entry = node.direct.entry(kind, RelationId::NONE, true);
        entry.is_some_and(|entry| {
            let found = self.edge(node.relation, object, entity, wildcard_row, row);
            self.counts(found, entry, fault)
        })
    }

    /// The tuple of the user and `object`, looked up in whichever row is the shorter one: that of
    /// the user is warm after the first look.
    #[inline]
    fn edge(
        &self,
        relation: RelationId,
        object: EntityId,
        user: EntityId,
        user_row: &Row<'a>,
        row: &mut Option<Row<'a>>,
    ) -> Option<Found<'a>> {
        const SHORT: usize = 64;
        let length = user_row.bound();
        if length == 0 {
            return None;
        }
        if length <= SHORT || row.is_some_and(|row| row.bound() > length) {
            let found = user_row.find(self.subject.relation, relation, object)?;
            if !found.edge.is_conditioned() {
                return Some(found);
            }
        }
        let row = row.get_or_insert_with(|| self.asked.by_object(object));
        row.find(relation, self.subject.relation, user)
    }

    /// Whether a tuple is allowed by the model and its condition holds.
    #[inline]
    pub(super) fn counts(
        &self,
        found: Option<Found<'a>>,
        entry: &Admitted,
        fault: &mut Option<Box<Error>>,
    ) -> bool {
        let Some(found) = found else {
            return false;
        };
        if !found.edge.is_conditioned() {
            return entry.bare;
        }
        match self.asked.condition_holds(&found, entry) {
            Ok(holds) => holds,
            Err(error) => {
                fault.get_or_insert_with(|| Box::new(error));
                false
            }
        }
    }
}
