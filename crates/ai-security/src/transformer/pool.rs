//! The threads that run a model, and the queue before them. Models compute for milliseconds: never on
//! the threads of the async runtime.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::question::Opinion;
use super::{Question, Unanswered};

/// Whether nobody waits for the answer any more.
pub(super) type Stop<'s> = dyn Fn() -> bool + 's;

/// What the threads do.
pub(super) trait Judge: Send + Sync + 'static {
    /// What is to be said of a text. A probability of at least `enough` decides; with `stop`, nobody
    /// waits any more.
    fn judge(
        &self,
        question: &Question,
        enough: f32,
        stop: &Stop<'_>,
    ) -> Result<Opinion, Unanswered>;
}

/// A few threads with one queue. They start with the first question and end with the pool.
pub(super) struct Pool {
    judge: Arc<dyn Judge>,
    workers: usize,
    queue: usize,
    /// Nothing inside when no thread could be started.
    sender: OnceLock<Option<SyncSender<Job>>>,
}

/// What comes back.
pub(super) type Reply = oneshot::Receiver<Result<Opinion, Unanswered>>;

struct Job {
    question: Question,
    enough: f32,
    until: Instant,
    reply: oneshot::Sender<Result<Opinion, Unanswered>>,
}

impl Pool {
    pub(super) fn new(judge: Arc<dyn Judge>, workers: usize, queue: usize) -> Self {
        Self {
            judge,
            workers,
            queue,
            sender: OnceLock::new(),
        }
    }

    /// Puts a question into the queue. Whoever drops the reply does not want it any more.
    ///
    /// # Errors
    ///
    /// The queue is full, or there are no threads.
    pub(super) fn ask(
        &self,
        question: Question,
        enough: f32,
        until: Instant,
    ) -> Result<Reply, Unanswered> {
        let sender = self.sender.get_or_init(|| self.start());
        let sender = sender.as_ref().ok_or(Unanswered::Failed)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            question,
            enough,
            until,
            reply,
        };
        sender.try_send(job).map_err(|_| Unanswered::Overloaded)?;
        Ok(answer)
    }

    fn start(&self) -> Option<SyncSender<Job>> {
        let (sender, receiver) = sync_channel(self.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        let started = (0..self.workers).filter(|_| {
            let (judge, receiver) = (Arc::clone(&self.judge), Arc::clone(&receiver));
            let thread = thread::Builder::new().name(String::from("ztag-classify"));
            thread.spawn(move || serve(&*judge, &receiver)).is_ok()
        });
        (started.count() > 0).then_some(sender)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.workers)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Answers questions until nobody can ask any more.
fn serve(judge: &dyn Judge, receiver: &Mutex<Receiver<Job>>) {
    loop {
        let next = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(job) => job.run(judge),
            Err(_) => return,
        }
    }
}

impl Job {
    fn run(self, judge: &dyn Judge) {
        let Self {
            question,
            enough,
            until,
            reply,
        } = self;
        let stop = || reply.is_closed() || Instant::now() >= until;
        if stop() {
            let _ = reply.send(Err(Unanswered::Late));
            return;
        }
        // A model that fails by a panic fails one question, not the thread.
        let said = catch_unwind(AssertUnwindSafe(|| judge.judge(&question, enough, &stop)));
        let said = said.unwrap_or(Err(Unanswered::Failed));
        let said = said.map(|opinion| question.whole(opinion));
        let _ = reply.send(said);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::Questions;
    use super::*;
    use crate::Channel;

    /// Waits for a word before each answer, and fails as told.
    struct Slow {
        go: Mutex<mpsc::Receiver<()>>,
        begun: mpsc::Sender<String>,
    }

    impl Judge for Slow {
        fn judge(
            &self,
            question: &Question,
            _: f32,
            stop: &Stop<'_>,
        ) -> Result<Opinion, Unanswered> {
            self.begun.send(question.text.clone()).unwrap();
            self.go.lock().unwrap().recv().unwrap();
            assert_ne!(question.text, "panic");
            if stop() {
                return Err(Unanswered::Late);
            }
            Ok(Opinion {
                probability: 0.5,
                window: 0..question.text.len(),
                unasked: 0,
            })
        }
    }

    fn question(text: &str) -> Question {
        let mut questions = Questions::default();
        questions.add(text, Channel::User, 0);
        questions.as_slice()[0].clone()
    }

    fn in_a_minute() -> Instant {
        Instant::now() + std::time::Duration::from_mins(1)
    }

    fn pool(queue: usize) -> (Pool, mpsc::Sender<()>, mpsc::Receiver<String>) {
        let (go, wait) = mpsc::channel();
        let (begun, begins) = mpsc::channel();
        let judge = Slow {
            go: Mutex::new(wait),
            begun,
        };
        (Pool::new(Arc::new(judge), 1, queue), go, begins)
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_has_room_again() {
        let (pool, go, begins) = pool(1);
        let ask = |text: &str| pool.ask(question(text), 1.0, in_a_minute());
        let first = ask("first").unwrap();
        assert_eq!(begins.recv().unwrap(), "first");
        let second = ask("second").unwrap();
        assert_eq!(ask("third").unwrap_err(), Unanswered::Overloaded);
        go.send(()).unwrap();
        assert!(first.blocking_recv().unwrap().is_ok());
        assert_eq!(begins.recv().unwrap(), "second");
        let third = ask("third").unwrap();
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert!(second.blocking_recv().unwrap().is_ok());
        assert!(third.blocking_recv().unwrap().is_ok());
    }

    #[test]
    fn nobody_is_judged_for_nobody_or_too_late() {
        let (pool, go, begins) = pool(4);
        let first = pool.ask(question("first"), 1.0, in_a_minute()).unwrap();
        assert_eq!(begins.recv().unwrap(), "first");
        drop(pool.ask(question("unwanted"), 1.0, in_a_minute()).unwrap());
        let late = pool.ask(question("late"), 1.0, Instant::now()).unwrap();
        let last = pool.ask(question("last"), 1.0, in_a_minute()).unwrap();
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert!(first.blocking_recv().unwrap().is_ok());
        assert_eq!(late.blocking_recv().unwrap(), Err(Unanswered::Late));
        assert_eq!(begins.recv().unwrap(), "last");
        assert!(last.blocking_recv().unwrap().is_ok());
    }

    #[test]
    fn a_panic_fails_one_question_and_threads_end_with_the_pool() {
        let (pool, go, begins) = pool(4);
        let fails = pool.ask(question("panic"), 1.0, in_a_minute()).unwrap();
        let works = pool.ask(question("works"), 1.0, in_a_minute()).unwrap();
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert_eq!(fails.blocking_recv().unwrap(), Err(Unanswered::Failed));
        assert!(works.blocking_recv().unwrap().is_ok());
        drop(pool);
        // The last one who could send has gone with its thread.
        assert_eq!(begins.iter().count(), 2);
    }
}
