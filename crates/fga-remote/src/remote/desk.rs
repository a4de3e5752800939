//! Where questions wait for each other.
//!
//! While few batches are under way, a question leaves at once, together with whatever is asked in the
//! same turn of the runtime; while the server is slow, the next batch gathers. So batches grow with
//! the load, and nobody waits for a timer. Equal questions are one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

use super::key::Key;
use super::line::Line;
use super::memory::Memory;
use super::wire;
use crate::authority::{Check, Consistency, Given};
use crate::undecided::Undecided;

/// Batches under way at the most.
const CARRIERS: usize = 4;
/// Questions that may wait; more are turned away.
const MAX_WAITING: usize = 10_000;
/// Checks that travel alone at the same time, where the server knows no batches.
const ALONE: usize = 10;

/// A check with what is given.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) check: Check,
    pub(super) given: Given,
}

/// Where questions to one store wait for each other.
#[derive(Debug)]
pub(super) struct Desk {
    line: Arc<Line>,
    memory: Memory,
    max_batch: usize,
    /// Whether the server has said that it knows no batches.
    has_no_batches: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// INVARIANT: an entry of `flights` is a question in `queue` or of a batch under way, whose end takes
/// it away.
#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Asked>,
    flights: HashMap<Flight, watch::Receiver<Landing>, RandomState>,
    carriers: usize,
}

/// A question under way. Those that want the latest answer join no others.
type Flight = (Key, Consistency);

type Landing = Option<Result<bool, Undecided>>;

#[derive(Debug)]
struct Asked {
    flight: Flight,
    question: Question,
    landing: watch::Sender<Landing>,
}

/// The claim to an answer.
#[derive(Debug)]
pub(super) struct Ticket(Result<watch::Receiver<Landing>, Undecided>);

impl Ticket {
    /// The answer, once there is one.
    pub(super) async fn answer(self) -> Result<bool, Undecided> {
        let mut landing = self.0?;
        // The sender is gone without an answer when the runtime that carried it ended.
        let stopped = |_| Undecided::unavailable("stopped");
        let landed = landing.wait_for(Option::is_some).await.map_err(stopped)?;
        let stopped = || Err(Undecided::unavailable("stopped"));
        landed.clone().unwrap_or_else(stopped)
    }
}

impl Desk {
    pub(super) fn new(line: Line, memory: Memory, max_batch: usize) -> Self {
        Self {
            line: Arc::new(line),
            memory,
            max_batch,
            has_no_batches: AtomicBool::new(false),
            waiting: Mutex::default(),
        }
    }

    pub(super) const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(super) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Lays a question on the desk. It is answered also when whoever asked goes away: others may
    /// have joined.
    pub(super) fn ask(desk: &Arc<Self>, key: Key, question: Question) -> Ticket {
        let Ok(runtime) = Handle::try_current() else {
            return Ticket(Err(Undecided::unavailable("stopped")));
        };
        let flight = (key, question.given.consistency);
        let mut waiting = desk.waiting.lock();
        let joins = flight.1 == Consistency::MinimizeLatency;
        if let Some(landing) = waiting.flights.get(&flight).filter(|_| joins) {
            let landing = landing.clone();
            if waiting.carriers == 0 {
                Carrier::set_out(desk, waiting, &runtime);
            }
            return Ticket(Ok(landing));
        }
        if waiting.queue.len() >= MAX_WAITING {
            return Ticket(Err(Undecided::unavailable("overloaded")));
        }
        let (sender, landing) = watch::channel(None);
        if joins {
            waiting.flights.insert(flight.clone(), landing.clone());
        }
        waiting.queue.push_back(Asked {
            flight,
            question,
            landing: sender,
        });
        if waiting.carriers < CARRIERS {
            Carrier::set_out(desk, waiting, &runtime);
        }
        Ticket(Ok(landing))
    }

    /// The next questions that can travel together; none where nobody waits.
    fn next(&self) -> Vec<Asked> {
        let mut waiting = self.waiting.lock();
        let Some(first) = waiting.queue.pop_front() else {
            return Vec::new();
        };
        let consistency = first.flight.1;
        let mut batch = vec![first];
        while batch.len() < self.max_batch
            && let Some(next) = waiting
                .queue
                .pop_front_if(|own| own.flight.1 == consistency)
        {
            batch.push(next);
        }
        batch
    }

    /// Asks the server.
    async fn fetch(&self, questions: &[&Question]) -> Vec<Result<bool, Undecided>> {
        let alone = self.has_no_batches.load(Ordering::Relaxed);
        if let [question] = questions {
            return vec![fetch_one(&self.line, question).await];
        }
        if alone {
            return self.fetch_alone(questions).await;
        }
        let body = wire::batch(questions, self.line.model());
        let reply = self.line.post("batch-check", body).await;
        match reply.and_then(|reply| wire::batched(&reply, questions.len())) {
            Ok(answers) => answers,
            Err(undecided) if undecided.is_unknown_call() => {
                self.has_no_batches.store(true, Ordering::Relaxed);
                self.fetch_alone(questions).await
            }
            Err(undecided) => vec![Err(undecided); questions.len()],
        }
    }

    /// Asks a server that knows no batches, some questions at a time.
    async fn fetch_alone(&self, questions: &[&Question]) -> Vec<Result<bool, Undecided>> {
        let lost = || Err(Undecided::unavailable("stopped"));
        let mut answers = vec![lost(); questions.len()];
        let mut left = questions.iter().enumerate();
        let mut under_way = JoinSet::new();
        loop {
            while under_way.len() < ALONE
                && let Some((place, question)) = left.next()
            {
                let (line, question) = (Arc::clone(&self.line), Question::clone(question));
                under_way.spawn(async move { (place, fetch_one(&line, &question).await) });
            }
            let Some(done) = under_way.join_next().await else {
                return answers;
            };
            if let Ok((place, answer)) = done
                && let Some(own) = answers.get_mut(place)
            {
                *own = answer;
            }
        }
    }
}

async fn fetch_one(line: &Line, question: &Question) -> Result<bool, Undecided> {
    let body = wire::check(question, line.model());
    let reply = line.post("check", body).await?;
    wire::checked(&reply)
}

/// Carries batches to the server until nobody waits. Dropped early, with its runtime, it makes room
/// for another.
struct Carrier {
    desk: Arc<Desk>,
    /// Whether it left because nobody waited.
    is_done: bool,
}

impl Carrier {
    fn set_out(desk: &Arc<Desk>, mut waiting: MutexGuard<'_, Waiting>, runtime: &Handle) {
        waiting.carriers += 1;
        drop(waiting);
        let carrier = Self {
            desk: Arc::clone(desk),
            is_done: false,
        };
        runtime.spawn(carrier.run());
    }

    async fn run(mut self) {
        loop {
            // Whatever else is asked in this turn comes along.
            yield_now().await;
            let batch = Batch {
                asked: self.desk.next(),
                desk: &self.desk,
            };
            if batch.asked.is_empty() {
                break;
            }
            batch.carry().await;
        }
        self.is_done = true;
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let mut waiting = self.desk.waiting.lock();
        waiting.carriers -= 1;
        // Laid down while the last one was leaving: nobody else would come for it.
        let is_left = self.is_done && waiting.carriers == 0 && !waiting.queue.is_empty();
        if let (true, Ok(runtime)) = (is_left, Handle::try_current()) {
            Self::set_out(&self.desk, waiting, &runtime);
        }
    }
}

/// Questions that travel together.
struct Batch<'a> {
    desk: &'a Desk,
    asked: Vec<Asked>,
}

impl Batch<'_> {
    async fn carry(mut self) {
        let asked_at = self.desk.line.clock.monotonic();
        let questions: Vec<_> = self.asked.iter().map(|own| &own.question).collect();
        let answers = self.desk.fetch(&questions).await;
        for (asked, answer) in self.asked.iter().zip(&answers) {
            if let Ok(allowed) = answer {
                let memory = &self.desk.memory;
                memory.remember(&asked.flight.0, *allowed, asked_at);
            }
        }
        self.land();
        for (asked, answer) in self.asked.drain(..).zip(answers) {
            asked.landing.send_replace(Some(answer));
        }
    }

    /// From now on the same questions are asked anew.
    fn land(&self) {
        let mut waiting = self.desk.waiting.lock();
        for asked in &self.asked {
            waiting.flights.remove(&asked.flight);
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.asked.is_empty() {
            self.land();
        }
    }
}
