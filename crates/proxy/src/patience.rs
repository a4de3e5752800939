//! How long one peer may keep another waiting.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a client must send in a second of waiting, so that waiting uses nothing up.
const BYTES_PER_SECOND: u64 = 512;

/// The patience with a client that streams a body.
///
/// Waiting uses it up, and whatever comes gives some of it back: a client may pause, but not for
/// long, and one that trickles is no better off than one that is silent. Only the time counts in
/// which somebody waits for the client: while an upstream does not read, its client is not to blame.
#[derive(Debug)]
pub(crate) struct Patience {
    most: Duration,
    left: Duration,
    since: Option<Instant>,
    alarm: Alarm,
}

/// Rings at one time at most; it costs nothing until somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// As much as `most`, which is also the longest silence.
    pub(crate) const fn new(most: Duration) -> Self {
        Self {
            most,
            left: most,
            since: None,
            alarm: Alarm(None),
        }
    }

    /// So many bytes have come.
    pub(crate) fn restore(&mut self, bytes: usize) {
        let Some(since) = self.since.take() else {
            return;
        };
        let earned = (bytes as u64).saturating_mul(1_000) / BYTES_PER_SECOND;
        let left = self.left.saturating_sub(since.elapsed());
        let left = left.saturating_add(Duration::from_millis(earned));
        self.left = left.min(self.most);
    }

    /// Whether it is over, while nothing comes; wakes `cx` when it will be.
    pub(crate) fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.alarm.rings(since + self.left, cx)
    }
}

impl Alarm {
    /// Whether `end` has come; wakes `cx` when it comes.
    pub(crate) fn rings(&mut self, end: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(end)));
        // One set for a later time would ring too late.
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        // One set for an earlier time rings too early, and is set anew only then.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= end {
                return true;
            }
            timer.as_mut().reset(end);
        }
        false
    }
}

impl Future for Patience {
    type Output = ();

    /// Ready when it is over.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over(cx) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MOST: Duration = Duration::from_secs(10);

    /// Waits as told, each time for so many bytes; how long it lasted until patience was over.
    async fn lasting(pieces: impl IntoIterator<Item = (Duration, usize)>) -> Option<Duration> {
        let begun = Instant::now();
        let mut patience = Patience::new(MOST);
        for (pause, bytes) in pieces {
            if tokio::time::timeout(pause, &mut patience).await.is_ok() {
                return Some(begun.elapsed());
            }
            patience.restore(bytes);
        }
        None
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test(start_paused = true)]
    async fn attack_25_who_trickles_is_no_better_off_than_who_is_silent() {
        let silent = lasting([(seconds(60), 0)]).await;
        assert!(
            silent.is_some_and(|lasted| lasted < seconds(11)),
            "{silent:?}"
        );
        let trickling = lasting([(seconds(1), 1)].repeat(1_000)).await;
        assert!(
            trickling.is_some_and(|lasted| lasted < seconds(11)),
            "{trickling:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_is_waited_for() {
        assert_eq!(lasting([(seconds(1), 600)].repeat(1_000)).await, None);
        assert_eq!(lasting([(seconds(9), 8_192)].repeat(1_000)).await, None);
        // What came early is no credit.
        let paused = lasting([(seconds(1), 1 << 20), (seconds(60), 0)]).await;
        assert!(
            paused.is_some_and(|lasted| lasted < seconds(12)),
            "{paused:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_counts() {
        let mut patience = Patience::new(MOST);
        patience.restore(1);
        advance(seconds(60)).await;
        patience.restore(1);
        let waited = tokio::time::timeout(seconds(9), &mut patience).await;
        assert!(waited.is_err());
    }
}
