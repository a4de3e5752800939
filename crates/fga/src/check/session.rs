//! Questions about one user, over one snapshot.

use std::cell::RefCell;

use smallvec::SmallVec;

use crate::check::memo::{Memo, Place};
use crate::check::search::Search;
use crate::check::verdict::{Answer, Verdict};
use crate::error::Error;
use crate::ids::{BarrierId, EntityId, PlanId, TypeId};
use crate::index::{Found, Row};
use crate::model::{Entry, Model, Operands, Plan, Probe, SubjectKind};
use crate::store::{Asked, Subject};

/// Barriers open at once at the most: evaluation recurses once for each.
const MAX_OPEN: usize = 256;

/// Questions about one user: what one of them finds out, the next ones know.
pub(crate) struct Session<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) subject: Subject,
    /// The type of the user.
    kind: TypeId,
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
    /// Answers that were known already.
    pub(super) hits: u64,
}

thread_local! {
    /// Searches to be used again, so that most questions allocate nothing.
    #[expect(clippy::vec_box, reason = "a search is taken out and put back: only its place moves")]
    static SPARE: RefCell<Vec<Box<Search>>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// The memo of the last session, empty.
    static SPARE_MEMO: RefCell<Option<Box<Memo>>> = const { RefCell::new(None) };
}

/// Searches kept by a thread at the most.
const MAX_SPARE: usize = 64;

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.asked.store.activity.remembered(self.hits);
        if let Some(mut memo) = self.memo.take().filter(|memo| memo.is_small()) {
            memo.clear();
            SPARE_MEMO.with(|spare| spare.replace(Some(memo)));
        }
    }
}

pub(super) fn take_search() -> Box<Search> {
    SPARE
        .with(|spare| spare.borrow_mut().pop())
        .unwrap_or_default()
}

pub(super) fn give_back(search: Box<Search>) {
    SPARE.with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MAX_SPARE && search.is_small() {
            spare.push(search);
        }
    });
}

impl<'a> Session<'a> {
    pub(crate) fn new(asked: &'a Asked<'a>, subject: Subject) -> Self {
        let kind = match subject.kind {
            SubjectKind::Object(kind) | SubjectKind::Wildcard(kind) => kind,
            SubjectKind::Userset(node) => asked.model.node(node).kind,
        };
        Self {
            asked,
            subject,
            kind,
            user_row: asked.by_user(subject.entity),
            wildcard_row: subject.wildcard.map(|entity| asked.by_user(entity)),
            memo: None,
            keeps: false,
            open: SmallVec::new(),
            way: Vec::new(),
            budget: asked.limits().resolution_nodes,
            hits: 0,
        }
    }

    /// The same, remembering answers for further questions.
    pub(crate) fn shared(asked: &'a Asked<'a>, subject: Subject) -> Self {
        let mut session = Self::new(asked, subject);
        session.keeps = true;
        session
    }

    /// Whether the user is in what the plan finds for `object`. Each question has a budget of its
    /// own.
    pub(crate) fn check(&mut self, object: EntityId, plan: PlanId) -> Result<bool, Error> {
        self.refuse_crossing(plan)?;
        self.look_up(object, plan)
    }

    /// The same, whoever the user stands for: for lists, which tell of those that were found.
    pub(crate) fn look_up(&mut self, object: EntityId, plan: PlanId) -> Result<bool, Error> {
        self.budget = self.asked.limits().resolution_nodes;
        self.search(object, plan, 0, false).result()
    }

    /// By weights, users that stand for many cannot be looked for through an exclusion, nor all
    /// of a type through an intersection: the answer would not be the same for each of them.
    fn refuse_crossing(&self, plan: PlanId) -> Result<(), Error> {
        let is_whole = match self.subject.kind {
            SubjectKind::Object(_) => return Ok(()),
            SubjectKind::Wildcard(_) => true,
            SubjectKind::Userset(_) => false,
        };
        let Some(what) = self.model().crossing(plan, self.subject.bit, is_whole) else {
            return Ok(());
        };
        let who = if is_whole {
            "a typed wildcard"
        } else {
            "a userset"
        };
        let message = format!("{who} cannot be checked through {what}");
        Err(Error::validation(message))
    }

    pub(crate) const fn subject(&self) -> Subject {
        self.subject
    }

    pub(super) fn model(&self) -> &'a Model {
        &self.asked.model
    }

    pub(super) fn limit(&self) -> u16 {
        self.asked.depth_limit()
    }

    /// Whether the types allow the user to be found in a relation at all.
    #[inline]
    pub(crate) fn can_reach(&self, plan: PlanId) -> bool {
        self.subject
            .bit
            .is_some_and(|bit| self.model().reaches(plan, bit))
    }

    /// Whether the user is a userset of `object` itself, of one of the relations of the plan. By
    /// weights only tuples say so.
    pub(crate) fn is_itself(&self, object: EntityId, plan: PlanId) -> bool {
        matches!(self.subject.kind, SubjectKind::Userset(_))
            && !self.model().is_weighted()
            && self.subject.entity == object
            && self
                .model()
                .plan(plan)
                .covers
                .contains(&self.subject.relation)
    }

    /// What is known, to keep more.
    pub(super) fn memo(&mut self) -> &mut Memo {
        let spare = || SPARE_MEMO.with(RefCell::take).unwrap_or_default();
        self.memo.get_or_insert_with(spare)
    }

    /// Evaluates an intersection or exclusion. `ask_circular`: whether it matters that a no is
    /// circular.
    pub(super) fn barrier(
        &mut self,
        object: EntityId,
        id: BarrierId,
        depth: u16,
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
            self.hits += 1;
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
        self.memo().keep_barrier(key, &verdict, ask_circular);
        verdict
    }

    /// A no decides, even beside faults.
    fn all(&mut self, object: EntityId, operands: &[PlanId], depth: u16, ask: bool) -> Verdict {
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
    /// is taken away counts as being taken away, but not by weights.
    fn without(&mut self, object: EntityId, pair: [PlanId; 2], depth: u16, ask: bool) -> Verdict {
        let [base, subtract] = pair;
        let base = self.search(object, base, depth, ask);
        if matches!(base.answer, Answer::No) {
            return base;
        }
        let asks_circular = !self.model().is_weighted();
        let subtract = self.search(object, subtract, depth, asks_circular);
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

    /// Whether a tuple of `object` relates the user to it as the plan wants. A fault of a condition
    /// is put into `fault`.
    #[inline]
    pub(super) fn is_direct(
        &self,
        plan: &Plan,
        object: EntityId,
        fault: &mut Option<Box<Error>>,
    ) -> bool {
        let mut row = None;
        let mut probes = plan.probes.iter().filter(|probe| probe.kind == self.kind);
        probes.any(|probe| {
            let found = self.probe(probe, object, &mut row);
            self.counts(found, probe.entry, fault)
        })
    }

    #[inline]
    fn probe(
        &self,
        probe: &Probe,
        object: EntityId,
        row: &mut Option<Row<'a>>,
    ) -> Option<Found<'a>> {
        let subject = &self.subject;
        let is_wildcard = matches!(subject.kind, SubjectKind::Wildcard(_));
        if probe.is_wildcard == is_wildcard && probe.userset == subject.relation {
            return self.edge(probe, object, subject.entity, &self.user_row, row);
        }
        let user = subject.wildcard.filter(|_| probe.is_wildcard)?;
        self.edge(probe, object, user, self.wildcard_row.as_ref()?, row)
    }

    /// The tuple of the user and `object`, looked up in whichever row is the shorter one: that of
    /// the user is warm after the first look.
    #[inline]
    fn edge(
        &self,
        probe: &Probe,
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
            let found = user_row.find(probe.userset, probe.relation, object)?;
            if !found.edge.is_conditioned() {
                return Some(found);
            }
        }
        let row = row.get_or_insert_with(|| self.asked.by_object(object));
        row.find(probe.relation, probe.userset, user)
    }

    /// Whether a tuple is allowed by the model and its condition holds.
    #[inline]
    pub(super) fn counts(
        &self,
        found: Option<Found<'a>>,
        entry: Entry,
        fault: &mut Option<Box<Error>>,
    ) -> bool {
        match found {
            None => false,
            Some(found) if found.edge.is_conditioned() => self.holds(&found, entry, fault),
            Some(_) => entry.is_bare,
        }
    }

    #[cold]
    fn holds(&self, found: &Found<'a>, entry: Entry, fault: &mut Option<Box<Error>>) -> bool {
        let Some(entry) = self.model().admitted(entry) else {
            return false;
        };
        match self.asked.condition_holds(found, entry) {
            Ok(holds) => holds,
            Err(error) => {
                fault.get_or_insert_with(|| Box::new(error));
                false
            }
        }
    }
}
