//! Requests at a constant rate, whatever becomes of those before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::spawn_local;
use tokio::time::{interval, sleep, timeout};
use ztag_test_support::Failure;

use super::case::{Case, Kind, LARGEST, Whole};
use super::house::House;
use super::issuer::Issuer;
use super::line::{Failed, Lines};
use super::tally::{End, Tally};

/// A request that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests under way or waiting at the most; those due beyond that are lost.
const UNDER_WAY: usize = 65_536;

/// From one look at the clock to the next.
const TICK: Duration = Duration::from_millis(1);

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) duration: Duration,
    /// Requests for each second.
    pub(super) rate: u32,
    /// How much faster than usual things change.
    pub(super) pace: u32,
    /// After this memory may not grow; `None` when it is too soon to tell.
    pub(super) warm_up: Option<Duration>,
    /// When it began.
    pub(super) begin: Instant,
}

/// What all requests share.
struct Clients {
    lines: Vec<Lines>,
    issuer: std::sync::Arc<Issuer>,
    bytes: Bytes,
    under_way: Cell<usize>,
    tally: RefCell<Tally>,
}

/// Asks until the plan ends, and waits for the last replies.
pub(super) async fn run(house: &House, plan: &Plan) -> Result<Tally, Failure> {
    let clients = Rc::new(Clients {
        lines: house.lines()?,
        issuer: std::sync::Arc::clone(&house.issuer),
        bytes: (0..=u8::MAX).cycle().take(LARGEST).collect(),
        under_way: Cell::new(0),
        tally: RefCell::new(Tally::new(plan, house.subjects())),
    });
    let looking = spawn_local(look(Rc::clone(&clients), plan.begin));
    ask(&clients, plan).await;
    while clients.under_way.get() > 0 {
        sleep(TICK).await;
    }
    looking.abort();
    // Whoever waits for an aborted task learns that it was.
    let _ = looking.await;
    let clients = Rc::into_inner(clients);
    let clients = clients.ok_or_else(|| Failure::new("a client is still at work"))?;
    let shown = clients.lines.iter().map(Lines::certificates).max();
    let mut tally = clients.tally.into_inner();
    tally.certificates = shown.unwrap_or(0);
    Ok(tally)
}

async fn ask(clients: &Rc<Clients>, plan: &Plan) {
    let spacing = Duration::from_secs(1) / plan.rate;
    let mut clock = interval(TICK);
    let (mut number, mut due) = (0, plan.begin);
    let end = plan.begin + plan.duration;
    while due < end {
        clock.tick().await;
        let now = Instant::now();
        while due <= now && due < end {
            // Here, so that those not yet begun are waited for as well.
            clients.under_way.set(clients.under_way.get() + 1);
            spawn_local(Rc::clone(clients).ask_one(number, due));
            number += 1;
            due += spacing;
        }
    }
}

/// Looks at the gateways once a second.
async fn look(clients: Rc<Clients>, begin: Instant) {
    let mut second = interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let mut tally = clients.tally.borrow_mut();
        let at = begin.elapsed();
        tally.subjects.iter_mut().for_each(|own| own.look(at));
    }
}

impl Clients {
    async fn ask_one(self: Rc<Self>, number: u64, due: Instant) {
        let turn = usize::try_from(number).unwrap_or(0);
        if let Some(lines) = self.lines.get(turn % self.lines.len().max(1)) {
            let (kind, end) = self.exchange(number, lines).await;
            let mut tally = self.tally.borrow_mut();
            tally.note((kind, lines.transport), due.elapsed(), end);
        }
        self.under_way.set(self.under_way.get() - 1);
    }

    async fn exchange(&self, number: u64, lines: &Lines) -> (Kind, End) {
        if self.under_way.get() > UNDER_WAY {
            let text = String::from("too many are waiting for replies");
            return (Kind::Public, End::Lost(text));
        }
        // First: the token is taken when the request is sent.
        let place = lines.place().await;
        let wallet = self.issuer.wallet();
        let case = Case::new(number, lines.transport, &wallet, &self.bytes);
        let (_place, case) = match place.and_then(|place| Ok((place, case?))) {
            Ok(ready) => ready,
            Err(error) => return (Kind::Public, End::Lost(chain(&error))),
        };
        let (kind, request, verdict) = case.split();
        let end = match timeout(PATIENCE, lines.exchange(request, Whole::read)).await {
            Err(_) => End::Lost(String::from("no reply in time")),
            Ok(Err(error)) => End::Lost(chain(&error)),
            Ok(Ok(whole)) => match verdict.fault(&whole) {
                None => End::Right,
                Some(fault) if whole.status.is_server_error() => End::Lost(fault),
                Some(fault) => End::Wrong(fault),
            },
        };
        (kind, end)
    }
}

/// An error with what caused it.
fn chain(error: &Failed) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
