//! What changes while requests go on.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;
use ztag_test_support::Failure;

use super::house::{FIRST, House, Variant};
use super::target::{Phase, Target};

/// From one change of each sort to the next.
const RELOAD: Duration = Duration::from_secs(4);
const ROTATION: Duration = Duration::from_secs(24);
const RESTART: Duration = Duration::from_secs(20);
const CERTIFICATE: Duration = Duration::from_secs(30);

/// How long a key is published before it is used: gateways ask for keys once a second.
const PUBLISHED: Duration = Duration::from_secs(3);

/// How long a target stays for those that have not noticed that it leaves.
const LEAVING: Duration = Duration::from_secs(3);

/// How long a target is gone.
const GONE: Duration = Duration::from_secs(1);

/// Configurations in turn: two that decide alike, one whose spare endpoint is broken, and one that
/// cannot be read.
const VARIANTS: [Variant; 6] = [
    FIRST,
    Variant {
        condition: "size(request.method) > 0",
        ..FIRST
    },
    Variant {
        spare: "may-raed",
        ..FIRST
    },
    Variant {
        condition: "size(request.path) > 0",
        ..FIRST
    },
    Variant {
        rest: "\nrules: [",
        ..FIRST
    },
    Variant {
        condition: "request.path.size() > 0",
        ..FIRST
    },
];

/// Changes things until told to end.
pub(super) struct Weather {
    end: oneshot::Sender<()>,
    thread: JoinHandle<Changes>,
}

/// What was changed, and how often.
#[derive(Default)]
pub(super) struct Changes {
    reloads: Cell<u32>,
    rotations: Cell<u32>,
    restarts: Cell<u32>,
    certificates: Cell<u32>,
    failure: Cell<Option<Failure>>,
}

impl Weather {
    /// Begins; things change `pace` times as fast as usual.
    pub(super) fn begin(house: &Arc<House>, pace: u32) -> Result<Self, Failure> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (end, ended) = oneshot::channel();
        let house = Arc::clone(house);
        let thread = std::thread::spawn(move || {
            let changes = Changes::default();
            let failed = runtime.block_on(async {
                tokio::select! {
                    // Whether told or forgotten.
                    _ = ended => None,
                    failed = changes.go_on(&house, pace.max(1)) => failed.err(),
                }
            });
            changes.failure.set(failed);
            changes
        });
        Ok(Self { end, thread })
    }

    /// Ends it.
    pub(super) fn end(self) -> Result<Changes, Failure> {
        drop(self.end);
        let changes = self.thread.join();
        let changes = changes.map_err(|_| Failure::new("the weather panicked"))?;
        changes.failure.take().map_or(Ok(changes), Err)
    }
}

impl Changes {
    /// What is wrong: a sort of change that never came.
    pub(super) fn faults(&self) -> Vec<String> {
        let counts = [
            &self.reloads,
            &self.rotations,
            &self.restarts,
            &self.certificates,
        ];
        let missing = counts.iter().any(|count| count.get() == 0);
        missing
            .then(|| String::from("not everything changed at least once"))
            .into_iter()
            .collect()
    }

    async fn go_on(&self, house: &House, pace: u32) -> Result<(), Failure> {
        tokio::try_join!(
            self.reload(house, RELOAD / pace),
            self.rotate(house, ROTATION / pace),
            self.restart_at_once(house, RESTART / pace),
            self.restart_announced(house, RESTART / pace),
            self.certify(house, CERTIFICATE / pace),
        )?;
        Ok(())
    }

    async fn reload(&self, house: &House, every: Duration) -> Result<(), Failure> {
        for variant in VARIANTS.iter().cycle() {
            sleep(every).await;
            house.write(variant)?;
            count(&self.reloads);
        }
        Ok(())
    }

    async fn rotate(&self, house: &House, every: Duration) -> Result<(), Failure> {
        loop {
            sleep(every.saturating_sub(PUBLISHED)).await;
            house.issuer.announce()?;
            sleep(PUBLISHED).await;
            house.issuer.rotate();
            count(&self.rotations);
        }
    }

    /// Requests under way are answered, idle connections closed.
    async fn restart_at_once(&self, house: &House, every: Duration) -> Result<(), Failure> {
        for target in house.app.iter().cycle() {
            sleep(every).await;
            self.restart(target).await;
        }
        Ok(())
    }

    /// A target that says that it leaves, and stays until nobody comes any more.
    async fn restart_announced(&self, house: &House, every: Duration) -> Result<(), Failure> {
        for target in house.store.iter().cycle() {
            sleep(every).await;
            target.enter(Phase::Leaving);
            sleep(LEAVING).await;
            self.restart(target).await;
        }
        Ok(())
    }

    async fn restart(&self, target: &Target) {
        target.enter(Phase::Gone);
        sleep(GONE).await;
        target.enter(Phase::Serving);
        count(&self.restarts);
    }

    /// Every other time what is no certificate lies there for a while.
    async fn certify(&self, house: &House, every: Duration) -> Result<(), Failure> {
        loop {
            sleep(every).await;
            house.certify()?;
            count(&self.certificates);
            sleep(every).await;
            house.spoil_certificate()?;
            sleep(every / 4).await;
            house.certify()?;
            count(&self.certificates);
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} configurations, {} keys, {} restarts of targets, {} certificates",
            self.reloads.get(),
            self.rotations.get(),
            self.restarts.get(),
            self.certificates.get()
        )
    }
}

fn count(count: &Cell<u32>) {
    count.set(count.get() + 1);
}
