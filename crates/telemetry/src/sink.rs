//! Where lines go: buffers that a thread empties into the output, so that no decision waits for
//! whoever reads the log.

use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::TelemetryError;

const SHARDS: usize = 8;
/// How long a line waits at most before it is handed to the output.
const PERIOD: Duration = Duration::from_millis(100);
/// Bytes in one buffer that wake the thread early.
const FULL: usize = 64 * 1024;
/// Bytes in one buffer beyond which lines are dropped.
const MAX_WAITING: usize = 1024 * 1024;

/// The writing end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sink {
    shared: Arc<Shared>,
    writer: Thread,
}

/// Ends the thread when dropped, after all lines are written.
#[derive(Debug)]
pub(crate) struct Drain {
    sink: Sink,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    shards: [Mutex<Vec<u8>>; SHARDS],
    output: Mutex<Output>,
    closing: AtomicBool,
    dropped: AtomicU64,
}

struct Output {
    writer: Box<dyn Write + Send>,
    /// Changes places with each buffer in turn, so that nothing is allocated in the long run.
    spare: Vec<u8>,
}

impl Drain {
    /// Starts the thread.
    pub(crate) fn start(writer: Box<dyn Write + Send>) -> Result<Self, TelemetryError> {
        let shared = Arc::new(Shared {
            shards: std::array::from_fn(|_| Mutex::default()),
            output: Mutex::new(Output {
                writer,
                spare: Vec::new(),
            }),
            closing: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let thread = thread::Builder::new()
            .name("ztag-log".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    while !shared.closing.load(Ordering::Acquire) {
                        thread::park_timeout(PERIOD);
                        shared.empty();
                    }
                }
            })
            .map_err(TelemetryError::Writer)?;
        let writer = thread.thread().clone();
        Ok(Self {
            sink: Sink { shared, writer },
            thread: Some(thread),
        })
    }

    pub(crate) const fn sink(&self) -> &Sink {
        &self.sink
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.sink.shared.closing.store(true, Ordering::Release);
        self.sink.writer.unpark();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.sink.flush();
    }
}

impl Sink {
    /// Lets `write` append whole lines to a buffer, unless too much waits there already.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let shard = self.shared.shards.get(own_shard());
        let Some(mut buffer) = shard.map(Mutex::lock) else {
            return;
        };
        if buffer.len() > MAX_WAITING {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let before = buffer.len();
        write(&mut buffer);
        let crossed = before < FULL && buffer.len() >= FULL;
        drop(buffer);
        if crossed {
            self.writer.unpark();
        }
        if self.shared.closing.load(Ordering::Acquire) {
            self.flush();
        }
    }

    /// Hands everything to the output now.
    pub(crate) fn flush(&self) {
        self.shared.empty();
    }

    /// Lines dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Writes what waits. A log that cannot be written is no reason to stop deciding.
    fn empty(&self) {
        let mut output = self.output.lock();
        let Output { writer, spare } = &mut *output;
        for shard in &self.shards {
            std::mem::swap(&mut *shard.lock(), spare);
            if !spare.is_empty() {
                let _ = writer.write_all(spare);
                spare.clear();
            }
            // One burst must not hold its memory for ever.
            spare.shrink_to(FULL * 2);
        }
        let _ = writer.flush();
    }
}

/// The buffer of this thread.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        own.get()
    })
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// An output that hands on what it is given.
    struct Tap(Sender<Vec<u8>>);

    impl Write for Tap {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn tapped() -> (Drain, Receiver<Vec<u8>>) {
        let (sender, receiver) = channel();
        (Drain::start(Box::new(Tap(sender))).unwrap(), receiver)
    }

    #[test]
    fn lines_arrive_without_being_asked_for() {
        let (drain, lines) = tapped();
        drain.sink().append(|out| out.extend_from_slice(b"a\n"));
        assert_eq!(lines.recv().unwrap(), b"a\n");
    }

    #[test]
    fn dropping_writes_what_waits_and_later_lines_too() {
        let (drain, lines) = tapped();
        let sink = drain.sink().clone();
        sink.append(|out| out.extend_from_slice(b"a\n"));
        drop(drain);
        sink.append(|out| out.extend_from_slice(b"b\n"));
        drop(sink);
        assert_eq!(lines.iter().collect::<Vec<_>>().concat(), b"a\nb\n");
    }

    #[test]
    fn a_stalled_reader_costs_lines_but_not_memory() {
        /// An output that hangs until it is let go.
        struct Stalled(Receiver<()>);
        impl Write for Stalled {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (release, stalled) = channel();
        let drain = Drain::start(Box::new(Stalled(stalled))).unwrap();
        let line = [b'x'; 1_000];
        for _ in 0..10_000 {
            drain.sink().append(|out| out.extend_from_slice(&line));
        }
        assert!(drain.sink().dropped() > 7_000);
        drop(release);
    }

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let (drain, lines) = tapped();
        thread::scope(|scope| {
            for letter in b'a'..b'i' {
                let sink = drain.sink();
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        sink.append(|out| out.extend_from_slice(&[letter, letter, b'\n']));
                    }
                });
            }
        });
        drop(drain);
        let all = lines.iter().collect::<Vec<_>>().concat();
        let whole = |line: &&[u8]| matches!(line, [a, b] if a == b);
        assert_eq!(
            all.split(|byte| *byte == b'\n').filter(whole).count(),
            8_000
        );
    }
}
