//! The process that is killed.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime;
use ztag_fga::{Tuple, WriteRequest, dsl};
use ztag_fga_store::{NamedStore, Settings};

use crate::{DATABASE, FOLDER, Place, TASKS, of};

const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
";

/// Images and folds come often, so that some deaths hit them.
pub(crate) fn settings() -> Settings {
    Settings {
        image_after: 50,
        keep_changes: Some(Duration::from_secs(1)),
        tidy_every: Duration::from_millis(3),
        ..Settings::default()
    }
}

#[test]
#[ignore = "writes until it is killed by the other test"]
fn writes_until_killed() {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    let stores = Place {
        folder: PathBuf::from(folder),
        database: env::var(DATABASE).ok(),
    }
    .open();
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let store = match stores.list(None, 1, |_| true).pop() {
            Some(store) => store,
            None => stores.create("documents").await.unwrap(),
        };
        if store.store().model(None).is_err() {
            store.write_model(dsl::parse(MODEL).unwrap()).await.unwrap();
        }
        let steps = of(store.store());
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let begin = steps.get(&task).copied().unwrap_or_default();
                let store = store.clone();
                tokio::spawn(async move { write(&store, task, begin).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// Goes from step to step: each takes the tuples of the one before away and writes its own, at once.
async fn write(store: &NamedStore, task: usize, begin: u64) {
    for step in begin + 1.. {
        let mut request = WriteRequest::writes(tuples(task, step));
        if step > 1 {
            request.deletes = tuples(task, step - 1).into();
        }
        store.write(request).await.unwrap();
        let line = format!("acknowledged {task} {step}\n");
        io::stdout().write_all(line.as_bytes()).unwrap();
        io::stdout().flush().unwrap();
    }
}

fn tuples(task: usize, step: u64) -> [Tuple; 2] {
    ["one", "two"].map(|doc| {
        let user = format!("user:{task}-{step}");
        Tuple::new(user, "viewer", format!("doc:{doc}-{task}-{step}"))
    })
}

/// The task and step of a user.
pub(crate) fn step(user: &str) -> Option<(usize, u64)> {
    let (task, step) = user.strip_prefix("user:")?.split_once('-')?;
    Some((task.parse().ok()?, step.parse().ok()?))
}

/// The task and step that a line acknowledges.
pub(crate) fn parse(line: &str) -> Option<(usize, u64)> {
    // Whatever the test harness wrote before it stands on the same line.
    let (_, rest) = line.split_once("acknowledged ")?;
    let (task, step) = rest.split_once(' ')?;
    Some((task.parse().ok()?, step.parse().ok()?))
}
