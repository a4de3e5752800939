//! What a connection waits for, in a few atomic words: written by the connection, read by the
//! sweep.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use crate::body_end::BodyEnd;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The first byte of a request.
    Idle = 0,
    /// The same, without buffers.
    Parked = 1,
    /// The end of what comes before the first request: PROXY header, TLS handshake.
    Greeting = 2,
    /// The rest of a request head.
    Head = 3,
    /// Our own answer, or more of it.
    Answer = 4,
    /// The client, to take the reply.
    Reply = 5,
}

impl Phase {
    const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::Idle,
            1 => Self::Parked,
            2 => Self::Greeting,
            3 => Self::Head,
            4 => Self::Answer,
            _ => Self::Reply,
        }
    }
}

/// How a worker ends the connections that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Drain {
    /// It does not.
    No = 0,
    /// Each one with its next reply: nobody who sends a request meets a closed door.
    Patient = 1,
    /// Idle ones at once, others with the reply under way.
    Prompt = 2,
}

/// What the connections of a worker share: the seconds since it started, and whether it drains.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    tick: AtomicU32,
    drain: AtomicU8,
}

impl Pulse {
    pub(crate) fn now(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// Lets a second pass and tells the new time.
    pub(crate) fn beat(&self) -> u32 {
        self.tick.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn drain(&self) -> Drain {
        match self.drain.load(Ordering::Relaxed) {
            0 => Drain::No,
            1 => Drain::Patient,
            _ => Drain::Prompt,
        }
    }

    pub(crate) fn begin(&self, drain: Drain) {
        self.drain.fetch_max(drain as u8, Ordering::Relaxed);
    }
}

/// Phase of one connection and the tick it began; on HTTP/2 also what its streams wait for.
#[derive(Debug)]
pub(crate) struct Progress {
    word: AtomicU64,
    /// Exchanges whose reply is not over.
    open: AtomicU32,
    /// Parts of replies that streams of HTTP/2 were given and clients have not taken.
    owed: AtomicU32,
    /// The tick at which the client last took something, on HTTP/2.
    taken: AtomicU32,
    /// Exchanges that ended before their reply did.
    cut: AtomicU32,
    /// Several exchanges at a time: HTTP/2.
    multiplexed: AtomicBool,
    /// The tick, plus one, since which the socket takes no more, on HTTP/2; 0 while it does.
    blocked: AtomicU32,
    /// The number of the last request ...
    begun: AtomicU32,
    /// ... and of the last one that was read to its end.
    consumed: AtomicU32,
    /// The sweep asks the connection to be parked.
    park: AtomicBool,
    /// The request under way is the last one.
    last: AtomicBool,
    waker: OnceLock<Waker>,
    pulse: Arc<Pulse>,
}

impl Progress {
    pub(crate) fn new(pulse: Arc<Pulse>) -> Arc<Self> {
        let progress = Self {
            word: AtomicU64::new(0),
            open: AtomicU32::new(0),
            owed: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            cut: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            blocked: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            consumed: AtomicU32::new(0),
            park: AtomicBool::new(false),
            last: AtomicBool::new(false),
            waker: OnceLock::new(),
            pulse,
        };
        progress.enter(Phase::Greeting);
        Arc::new(progress)
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::from_bits(self.word.load(Ordering::Relaxed) >> 32)
    }

    /// Begins `phase` now.
    pub(crate) fn enter(&self, phase: Phase) {
        self.set(phase, self.pulse.now());
    }

    /// Changes to `phase` as if it had begun when the present one did.
    pub(crate) fn rename(&self, phase: Phase) {
        self.set(phase, self.since());
    }

    fn set(&self, phase: Phase, since: u32) {
        let word = (phase as u64) << 32 | u64::from(since);
        self.word.store(word, Ordering::Relaxed);
    }

    fn since(&self) -> u32 {
        let word = self.word.load(Ordering::Relaxed) & u64::from(u32::MAX);
        u32::try_from(word).unwrap_or(u32::MAX)
    }

    /// Seconds that the present phase has lasted.
    pub(crate) fn age(&self, now: u32) -> u32 {
        now.saturating_sub(self.since())
    }

    /// Who is woken by [`Self::wake`]: the task of the connection, for all its life.
    pub(crate) fn woken_by(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    /// Lets the connection look at what is asked of it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// Asks for the connection to be parked.
    pub(crate) fn ask_to_park(&self) {
        self.park.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Whether it was asked for, since this was last asked.
    pub(crate) fn is_asked_to_park(&self) -> bool {
        self.park.load(Ordering::Relaxed) && self.park.swap(false, Ordering::Relaxed)
    }

    /// Whether nothing is under way that the connection's buffers are needed for: the last
    /// request was read to its end, its reply is over and flushed, and the client was silent since.
    pub(crate) fn is_parkable(&self) -> bool {
        self.phase() == Phase::Idle
            && self.consumed.load(Ordering::Relaxed) == self.begun.load(Ordering::Relaxed)
            && self.open() == 0
            && !self.is_multiplexed()
    }

    /// The request of this number was read to its end. Of an earlier one that says nothing.
    pub(crate) fn consume(&self, request: u32) {
        self.consumed.store(request, Ordering::Relaxed);
    }

    pub(crate) fn multiplex(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Ordering::Relaxed)
    }

    /// Notes whether the socket takes no more.
    pub(crate) fn block(&self, blocked: bool) {
        let since = self.blocked.load(Ordering::Relaxed);
        if blocked && since == 0 {
            let now = self.pulse.now().saturating_add(1);
            self.blocked.store(now, Ordering::Relaxed);
        } else if !blocked && since != 0 {
            self.blocked.store(0, Ordering::Relaxed);
        }
    }

    /// Seconds that the client has left us waiting with a part of a reply, on HTTP/2.
    pub(crate) fn refused_for(&self, now: u32) -> u32 {
        let blocked = match self.blocked.load(Ordering::Relaxed) {
            0 => 0,
            since => now.saturating_add(1).saturating_sub(since),
        };
        let owed = match self.owed.load(Ordering::Relaxed) {
            0 => 0,
            _ => now.saturating_sub(self.taken.load(Ordering::Relaxed)),
        };
        blocked.max(owed)
    }

    /// The client was written to and took it all, on HTTP/1.1: it owes us the next request, or
    /// we owe it more of the reply.
    pub(crate) fn settle(&self) {
        match self.phase() {
            Phase::Answer | Phase::Reply if self.open() == 0 => self.enter(Phase::Idle),
            Phase::Reply => self.enter(Phase::Answer),
            _ => {}
        }
    }

    /// Makes the request under way the last one of its connection.
    pub(crate) fn ask_to_end(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    /// Whether it was made so.
    pub(crate) fn is_asked_to_end(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn cut(&self) -> u32 {
        self.cut.load(Ordering::Relaxed)
    }
}

/// One request and its reply, until dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    progress: Arc<Progress>,
    /// The number of the request.
    request: u32,
    owed: bool,
    over: bool,
}

impl Exchange {
    pub(crate) fn begin(progress: &Arc<Progress>, bodiless: bool) -> Self {
        let request = progress
            .begun
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        if bodiless {
            progress.consume(request);
        }
        progress.open.fetch_add(1, Ordering::Relaxed);
        progress.enter(Phase::Answer);
        Self {
            progress: Arc::clone(progress),
            request,
            owed: false,
            over: false,
        }
    }

    /// By what whoever reads the body says that it is over.
    pub(crate) fn body_end(&self) -> BodyEnd {
        BodyEnd::new(Arc::clone(&self.progress), self.request)
    }

    /// There is a reply for the client to take.
    pub(crate) fn reply(&self) {
        if !self.progress.is_multiplexed() {
            self.progress.enter(Phase::Reply);
        }
    }

    /// The client was given a part of the reply. What is asked for next it has room for, which
    /// only HTTP/2 tells for each stream.
    pub(crate) fn give(&mut self) {
        if self.progress.is_multiplexed() && !self.owed {
            self.owed = true;
            self.progress
                .taken
                .store(self.progress.pulse.now(), Ordering::Relaxed);
            self.progress.owed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The client took what it was given.
    pub(crate) fn take(&mut self) {
        if std::mem::take(&mut self.owed) {
            self.progress
                .taken
                .store(self.progress.pulse.now(), Ordering::Relaxed);
            self.progress.owed.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The reply is whole.
    pub(crate) fn finish(&mut self) {
        self.over = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.take();
        if !self.over {
            self.progress.cut.fetch_add(1, Ordering::Relaxed);
        }
        let before = self.progress.open.fetch_sub(1, Ordering::Relaxed);
        if before == 1 && self.progress.is_multiplexed() {
            self.progress.enter(Phase::Idle);
        }
        if self.progress.is_multiplexed() && !self.over {
            // The connection counts those.
            self.progress.wake();
        }
    }
}
