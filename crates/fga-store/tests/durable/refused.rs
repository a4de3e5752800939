//! Writes that cannot be kept are refused, and nobody sees them.

use std::path::Path;
use std::process::Command;

use ztag_fga::{CheckRequest, ErrorCode, WriteRequest};
use ztag_fga_store::{Settings, SqliteSettings};

use crate::house::{House, documents, settings, stored, viewer};

/// Bytes of a file that holds a model and some tuples.
const SMALL: u64 = 200_000;

#[tokio::test]
async fn a_full_disk_refuses_writes_and_answers_checks() {
    let house = House::new();
    let full = Settings {
        sqlite: SqliteSettings {
            max_bytes: Some(SMALL),
            ..SqliteSettings::default()
        },
        ..settings()
    };
    let stores = house.open_with(full);
    let store = documents(&stores).await;
    let mut written = Vec::new();
    let refused = loop {
        let all: Vec<_> = (0..50).map(|user| viewer(user, written.len())).collect();
        match store.write(WriteRequest::writes(all.clone())).await {
            Ok(_) => written.extend(all),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    assert!(refused.message().contains("no room"), "{refused}");
    assert!(!written.is_empty());
    let is_as_written = |found: Vec<ztag_fga::StoredTuple>| {
        let found: Vec<_> = found.into_iter().map(|own| own.tuple).collect();
        assert_eq!(found, written);
    };
    is_as_written(stored(store.store()));
    let check = CheckRequest::new("user:1", "viewer", "doc:0");
    assert_eq!(store.store().check(&check), Ok(true));
    stores.close();

    // With room again nothing is missing, and writes go on.
    let stores = house.open();
    let found = stores.find(store.id()).unwrap();
    is_as_written(stored(found.store()));
    found
        .write(WriteRequest::writes([viewer("new", "new")]))
        .await
        .unwrap();
    stores.close();
}

#[tokio::test]
async fn a_refused_write_does_not_harm_others() {
    for house in House::each() {
        a_refused_write_does_not_harm_others_in(&house).await;
    }
}

async fn a_refused_write_does_not_harm_others_in(house: &House) {
    let stores = house.open();
    let store = documents(&stores).await;
    let writes = (0..200).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            // Every fourth is written twice, every fifth is no tuple.
            let user = number - number % 4 / 3;
            let doc = if number % 5 == 4 { "" } else { "one" };
            store
                .write(WriteRequest::writes([viewer(user, doc)]))
                .await
                .is_ok()
        })
    });
    let writes: Vec<_> = writes.collect();
    let mut accepted = 0;
    for write in writes {
        accepted += usize::from(write.await.unwrap());
    }
    assert_eq!(stored(store.store()).len(), accepted);
    assert!(accepted > 100);
    stores.close();
    assert_eq!(
        stored(house.open().find(store.id()).unwrap().store()).len(),
        accepted
    );
}

/// A file system of its own, for those who may mount one.
struct Mount<'p>(&'p Path);

impl<'p> Mount<'p> {
    fn new(path: &'p Path) -> Option<Self> {
        mount(path, "size=2m").then_some(Self(path))
    }

    fn enlarge(&self) {
        assert!(mount(self.0, "remount,size=64m"));
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn mount(path: &Path, options: &str) -> bool {
    let mut command = Command::new("mount");
    command
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(path);
    let output = command.output();
    output.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn writes_go_on_when_a_full_file_system_has_room_again() {
    let house = House::new();
    let Some(place) = Mount::new(house.path()) else {
        eprintln!("skipped: a file system cannot be mounted here");
        return;
    };
    let stores = house.open();
    let store = documents(&stores).await;
    let batch = |number: usize| {
        let all = (0..100).map(|user| viewer(format!("{user}-{number:0100}"), number));
        WriteRequest::writes(all)
    };
    let mut written = 0;
    let refused = loop {
        match store.write(batch(written)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), ErrorCode::Unavailable);
    assert_eq!(stored(store.store()).len(), 100 * written);
    assert_eq!(
        store.write(batch(written)).await.unwrap_err().code(),
        ErrorCode::Unavailable
    );
    let check = CheckRequest::new(format!("user:7-{:0100}", 0), "viewer", "doc:0");
    assert_eq!(store.store().check(&check), Ok(true));

    place.enlarge();
    store.write(batch(written)).await.unwrap();
    assert_eq!(stored(store.store()).len(), 100 * (written + 1));
    stores.close();
    let again = house.open();
    assert_eq!(
        stored(again.find(store.id()).unwrap().store()).len(),
        100 * (written + 1)
    );
    again.close();
}
