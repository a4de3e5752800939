//! Images: a start from one is the same as a start from the log, and a bad one does no harm.

use std::fs;
use std::path::PathBuf;

use ztag_fga::WriteRequest;
use ztag_fga_store::{Settings, StoreId};

use crate::house::{House, documents, settings, stored, viewer};

const COUNT: usize = 12_000;

struct Filled {
    house: House,
    id: StoreId,
    image: PathBuf,
}

/// A store that is large enough to be worth an image.
async fn filled() -> Filled {
    let house = House::new();
    let stores = house.open();
    let store = documents(&stores).await;
    let all: Vec<_> = (0..COUNT)
        .map(|number| viewer(number % 100, number))
        .collect();
    for part in all.chunks(100) {
        store
            .write(WriteRequest::writes(part.to_vec()))
            .await
            .unwrap();
    }
    stores.close();
    let id = store.id().clone();
    let image = house.path().join(format!("{id}.image"));
    assert!(image.exists(), "an image is written at the end");
    Filled { house, id, image }
}

#[tokio::test]
async fn a_start_from_an_image_is_as_from_the_log() {
    let Filled { house, id, image } = filled().await;
    let stores = house.open();
    let store = stores.find(&id).unwrap();
    store
        .write(WriteRequest::deletes([viewer(0, 0)]))
        .await
        .unwrap();
    let after_image = stored(store.store());
    assert_eq!(after_image.len(), COUNT - 1);
    stores.close();
    let stores = house.open();
    assert_eq!(stored(stores.find(&id).unwrap().store()), after_image);
    stores.close();
    fs::remove_file(image).unwrap();
    let stores = house.open();
    assert_eq!(stored(stores.find(&id).unwrap().store()), after_image);
    stores.close();
}

#[tokio::test]
async fn torn_images_are_ignored() {
    let Filled { house, id, image } = filled().await;
    let good = fs::read(&image).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut longer = good.clone();
    longer.push(0);
    let mut bad = vec![Vec::new(), good[..10].to_vec(), longer];
    bad.extend([1, 2, 3].map(|part| good[..good.len() * part / 4].to_vec()));
    let len = good.len();
    bad.extend([0, 9, 36, 40, len / 3, len / 2, len - 40, len - 1].map(flipped));
    for (number, bytes) in bad.into_iter().enumerate() {
        fs::write(&image, bytes).unwrap();
        let stores = house.open();
        assert_eq!(
            stored(stores.find(&id).unwrap().store()).len(),
            COUNT,
            "{number}"
        );
        stores.close();
        // A new one was not written: nothing changed.
    }
}

#[tokio::test]
async fn images_of_others_and_of_the_future_are_ignored() {
    let Filled { house, id, image } = filled().await;
    let other = filled().await;
    fs::copy(&other.image, &image).unwrap();
    let stores = house.open();
    assert_eq!(stored(stores.find(&id).unwrap().store()).len(), COUNT);
    stores.close();

    // A journal that was put back to an earlier day, with the image of a later one.
    let stores = house.open();
    let copy = house.path().join("copy.db");
    stores.backup(&copy).await.unwrap();
    let store = stores.find(&id).unwrap();
    store
        .write(WriteRequest::writes([viewer("late", "late")]))
        .await
        .unwrap();
    for round in 0..200 {
        let all: Vec<_> = (0..100)
            .map(|number| viewer(format!("r{round}"), number))
            .collect();
        store.write(WriteRequest::writes(all)).await.unwrap();
    }
    stores.close();
    for name in ["stores.db", "stores.db-wal", "stores.db-shm"] {
        let _ = fs::remove_file(house.path().join(name));
    }
    fs::copy(&copy, house.path().join("stores.db")).unwrap();
    let stores = house.open();
    assert_eq!(stored(stores.find(&id).unwrap().store()).len(), COUNT);
    stores.close();
}

#[tokio::test]
async fn images_are_written_on_the_way() {
    for house in House::each() {
        images_are_written_on_the_way_in(&house).await;
    }
}

async fn images_are_written_on_the_way_in(house: &House) {
    let stores = house.open_with(Settings {
        image_after: 50,
        ..settings()
    });
    let store = documents(&stores).await;
    let all: Vec<_> = (0..60).map(|number| viewer(number, 1)).collect();
    store.write(WriteRequest::writes(all)).await.unwrap();
    stores.tidy().await.unwrap();
    let image = house.path().join(format!("{}.image", store.id()));
    // The next time it is looked at, it is waited for at the latest when stores are closed.
    stores.close();
    assert!(image.exists());
    let stores = house.open();
    assert_eq!(stored(stores.find(store.id()).unwrap().store()).len(), 60);
    stores.close();
}
