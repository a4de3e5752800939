//! Asks targets regularly how they are.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use url::Position;

use super::choose::random;
use super::place::TargetPlace;
use super::spec::UpstreamProtocol;

/// What is asked, how often, and what is a good answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HealthPolicy {
    pub(super) path: PathAndQuery,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) healthy: u32,
    pub(super) unhealthy: u32,
    /// Every 2xx when empty.
    pub(super) statuses: Vec<u16>,
}

impl HealthPolicy {
    fn is_good(&self, status: StatusCode) -> bool {
        if self.statuses.is_empty() {
            status.is_success()
        } else {
            self.statuses.contains(&status.as_u16())
        }
    }
}

/// How a target is, as far as anybody asks: a place. Until enough answers were bad it is well.
#[derive(Debug, Default)]
pub(super) struct Health {
    out: AtomicBool,
    watch: Mutex<Watch>,
    changed: Arc<Notify>,
}

/// Who asks.
#[derive(Debug, Default)]
struct Watch {
    policy: Option<Arc<HealthPolicy>>,
    task: Option<AbortHandle>,
}

impl Health {
    /// Whether the target is left out.
    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed)
    }

    /// What another place knows of the same target.
    pub(super) fn inherit(&self, other: &Self) {
        self.out.store(other.is_out(), Ordering::Relaxed);
    }

    /// The policy; when nobody has to ask any more, the watch ends.
    fn policy_or_end(&self) -> Option<Arc<HealthPolicy>> {
        let mut watch = self.watch.lock();
        if watch.policy.is_none() {
            watch.task = None;
            self.out.store(false, Ordering::Relaxed);
        }
        watch.policy.clone()
    }
}

/// From now on asks `target`, on the current runtime, as `policy` says, until it says otherwise or
/// the target is forgotten.
pub(super) fn watch(target: &Arc<TargetPlace>, policy: Option<&Arc<HealthPolicy>>) {
    let mut watch = target.health.watch.lock();
    if watch.policy.as_ref() != policy {
        watch.policy = policy.cloned();
        target.health.changed.notify_one();
    }
    let asked = watch.task.as_ref().is_some_and(|task| !task.is_finished());
    if asked {
        return;
    }
    if policy.is_none() {
        target.health.out.store(false, Ordering::Relaxed);
        return;
    }
    let asking = ask_on(Arc::downgrade(target));
    watch.task = Some(tokio::spawn(asking).abort_handle());
}

async fn ask_on(target: Weak<TargetPlace>) {
    let mut row = Row::default();
    while let Some(place) = target.upgrade() {
        let Some(policy) = place.health.policy_or_end() else {
            return;
        };
        let asked = timeout(policy.timeout, ask(&place, &policy)).await;
        let good = asked.unwrap_or_default().is_some_and(|s| policy.is_good(s));
        let out = row.judge(good, place.health.is_out(), &policy);
        if place.health.out.swap(out, Ordering::Relaxed) != out {
            let (target, state) = (&place.name, if out { "out" } else { "in" });
            tracing::info!(%target, state, "health of an upstream target");
        }
        let changed = Arc::clone(&place.health.changed);
        // Forgotten while nobody asks, or never.
        drop(place);
        wait(&changed, policy.interval).await;
    }
}

/// Waits for about `interval`, or until the policy changes.
async fn wait(changed: &Notify, interval: Duration) {
    // Some more, so that many targets are not asked in step.
    let tenth = u64::try_from(interval.as_micros() / 10).unwrap_or(u64::MAX);
    let more = Duration::from_micros(random().checked_rem(tenth).unwrap_or(0));
    tokio::select! {
        () = sleep(interval + more) => {}
        () = changed.notified() => {}
    }
}

/// Answers of one kind in a row.
#[derive(Debug, Default)]
struct Row {
    good: bool,
    length: u32,
}

impl Row {
    /// Whether the target is out after one more answer.
    fn judge(&mut self, good: bool, out: bool, policy: &HealthPolicy) -> bool {
        self.length = if self.good == good {
            self.length.saturating_add(1)
        } else {
            1
        };
        self.good = good;
        match (out, good) {
            (true, true) => self.length < policy.healthy,
            (false, false) => self.length >= policy.unhealthy,
            _ => out,
        }
    }
}

/// The status of the answer, if there is one.
async fn ask(target: &TargetPlace, policy: &HealthPolicy) -> Option<StatusCode> {
    let wire = TokioIo::new(target.dialer.dial(&target.url, ()).await.ok()?);
    let request = question(target, policy)?;
    match target.wiring.protocol {
        UpstreamProtocol::Http1 => {
            let (mut sender, connection) = http1::handshake(wire).await.ok()?;
            driven(sender.send_request(request), connection).await
        }
        UpstreamProtocol::Http2 => {
            let begun = http2::handshake(TokioExecutor::new(), wire).await;
            let (mut sender, connection) = begun.ok()?;
            driven(sender.send_request(request), connection).await
        }
    }
}

/// The status of `answer`, while `connection` moves its bytes.
async fn driven<B>(
    answer: impl Future<Output = hyper::Result<http::Response<B>>>,
    connection: impl Future,
) -> Option<StatusCode> {
    tokio::select! {
        biased;
        answer = answer => answer.ok().map(|response| response.status()),
        _ = connection => None,
    }
}

fn question(target: &TargetPlace, policy: &HealthPolicy) -> Option<Request<Empty<Bytes>>> {
    let authority = &target.url[Position::BeforeHost..Position::AfterPort];
    let mut request = Request::new(Empty::new());
    let mut uri = Uri::from(policy.path.clone()).into_parts();
    match target.wiring.protocol {
        UpstreamProtocol::Http1 => {
            let host = HeaderValue::from_str(authority).ok()?;
            request.headers_mut().insert(HOST, host);
        }
        UpstreamProtocol::Http2 => {
            uri.scheme = Some(Scheme::try_from(target.url.scheme()).ok()?);
            uri.authority = Some(authority.parse().ok()?);
        }
    }
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    let agent = HeaderValue::from_static("ztag-health");
    request.headers_mut().insert(USER_AGENT, agent);
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statuses: &[u16]) -> HealthPolicy {
        HealthPolicy {
            path: PathAndQuery::from_static("/"),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            healthy: 2,
            unhealthy: 3,
            statuses: statuses.to_vec(),
        }
    }

    #[test]
    fn rows_of_answers_move_a_target_in_and_out() {
        let (policy, mut row, mut out) = (policy(&[]), Row::default(), false);
        for (answer, expected) in "bbgbbbgbggbgbbb"
            .chars()
            .zip("iiiiioooo iiiiio".chars().filter(|c| *c != ' '))
        {
            out = row.judge(answer == 'g', out, &policy);
            assert_eq!(if out { 'o' } else { 'i' }, expected, "{answer}");
        }
    }

    #[test]
    fn statuses_are_good_as_listed() {
        for (statuses, status, good) in [
            (&[][..], 204, true),
            (&[], 302, false),
            (&[], 503, false),
            (&[200, 401], 401, true),
            (&[200, 401], 204, false),
        ] {
            let found = policy(statuses).is_good(StatusCode::from_u16(status).unwrap());
            assert_eq!(found, good, "{statuses:?} {status}");
        }
    }
}
