//! Hearing what others wrote.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{CONNECT, SchemaName};
use crate::journal::{StoreNumber, Touched};

/// How long to wait before listening again, at first and at the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// A connection of its own on which the server tells what others wrote. While there is none,
/// nothing is lost: somebody looks now and then in any case.
#[derive(Debug)]
pub(super) struct Ear {
    options: PgConnectOptions,
    channel: String,
    heard: Arc<Heard>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    touched: Mutex<Option<Touched>>,
    news: Notify,
    /// The session whose notifications are our own.
    own: AtomicU32,
}

impl Ear {
    pub(super) fn new(options: &PgConnectOptions, schema: &SchemaName) -> Self {
        Self {
            options: options.clone(),
            channel: schema.as_str().to_owned(),
            heard: Arc::default(),
            task: None,
        }
    }

    /// Begins to listen, until it is closed.
    pub(super) fn listen(&mut self) {
        let heard = Arc::clone(&self.heard);
        let (options, channel) = (self.options.clone(), self.channel.clone());
        let task = tokio::spawn(async move { listen(options, &channel, &heard).await });
        self.task = Some(task);
    }

    /// Hears nothing more from the session of this number, which is our own.
    pub(super) fn ignore(&self, process: i32) {
        let process = u32::try_from(process).unwrap_or_default();
        self.heard.own.store(process, Ordering::Relaxed);
    }

    /// Returns when there is something new.
    pub(super) async fn heard(&self) -> Touched {
        loop {
            self.heard.news.notified().await;
            if let Some(touched) = self.heard.touched.lock().take() {
                return touched;
            }
        }
    }

    /// Ends listening.
    pub(super) async fn close(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn listen(options: PgConnectOptions, channel: &str, heard: &Heard) {
    let (mut pause, longest) = PAUSES;
    loop {
        let begun = listen_once(options.clone(), channel, heard).await;
        pause = match begun {
            Ok(()) => PAUSES.0,
            Err(_) => (2 * pause).min(longest),
        };
        sleep(pause).await;
    }
}

/// Listens until the connection is lost; an error where there was none.
async fn listen_once(
    options: PgConnectOptions,
    channel: &str,
    heard: &Heard,
) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(CONNECT)
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.ignore_pool_close_event(true);
    listener.listen(channel).await?;
    // Whatever was told before is missed.
    heard.note(Touched::All);
    while let Ok(Some(told)) = listener.try_recv().await {
        if told.process_id() != heard.own.load(Ordering::Relaxed) {
            heard.note(read(told.payload()));
        }
    }
    tracing::info!("the database does not tell any more what others write; it is asked instead");
    Ok(())
}

impl Heard {
    fn note(&self, new: Touched) {
        let mut touched = self.touched.lock();
        *touched = Some(match (touched.take(), new) {
            (None, new) => new,
            (Some(Touched::Some(mut known)), Touched::Some(more)) => {
                known.extend(more);
                Touched::Some(known)
            }
            _ => Touched::All,
        });
        drop(touched);
        self.news.notify_one();
    }
}

/// The stores that a notification names; any of them where it cannot be read.
fn read(payload: &str) -> Touched {
    let numbers = payload.split(',').map(str::parse::<StoreNumber>);
    let numbers: Result<BTreeSet<_>, _> = numbers.collect();
    numbers.map_or(Touched::All, Touched::Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_name_stores() {
        let some = |numbers: &[StoreNumber]| Touched::Some(numbers.iter().copied().collect());
        for (payload, expected) in [
            ("7", some(&[7])),
            ("7,12", some(&[7, 12])),
            ("", Touched::All),
            ("7,x", Touched::All),
        ] {
            assert_eq!(read(payload), expected, "{payload}");
        }
    }

    #[test]
    fn what_is_heard_adds_up() {
        let heard = Heard::default();
        heard.note(read("1"));
        heard.note(read("2"));
        assert_eq!(*heard.touched.lock(), Some(read("1,2")));
        heard.note(Touched::All);
        heard.note(read("3"));
        assert_eq!(heard.touched.lock().take(), Some(Touched::All));
    }
}
