//! A store begins with all that is written of it, or with nothing.

use std::sync::Arc;

use ztag_fga::{CheckRequest, ErrorCode, Limits, Tuple};
use ztag_fga_store::{Beginning, NamedStore, Stores};

use crate::house::{House, changes, model, stored, viewer};

/// More than one write takes; what stands there twice counts once.
const COUNT: usize = 250;

fn beginning(more: Option<Tuple>) -> Beginning {
    let tuples = (0..COUNT).map(|doc| viewer("ada", doc));
    Beginning {
        model: model(),
        tuples: tuples.chain([viewer("ada", 0)]).chain(more).collect(),
    }
}

async fn begins_whole(stores: &Stores) -> Arc<NamedStore> {
    let store = stores.create("documents").await.unwrap();
    let wrong = Tuple::new("user:ada", "nothing", "doc:1");
    let refused = store.begin(beginning(Some(wrong))).await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::Validation);
    assert!(store.store().model(None).is_err());
    assert_eq!(store.begin(beginning(None)).await, Ok(true));
    assert_eq!(stored(store.store()).len(), COUNT);
    let asked = CheckRequest::new("user:ada", "viewer", "doc:249");
    assert_eq!(store.store().check(&asked), Ok(true));
    store
}

#[tokio::test]
async fn what_a_store_begins_with_is_written_whole_and_once() {
    for house in House::each() {
        let stores = house.open();
        let store = begins_whole(&stores).await;
        let more = store.begin(beginning(Some(viewer("eve", 1)))).await;
        assert_eq!(more, Ok(false));
        let model = store.store().model(None).unwrap();
        stores.close();

        let again = house.open();
        let found = again.find(store.id()).unwrap();
        assert_eq!(found.store().model(None).unwrap().spec(), model.spec());
        assert_eq!(changes(found.store()).len(), COUNT);
        let written = ztag_fga::WriteRequest::writes([viewer("eve", 1)]);
        let written = found.write(written).await.unwrap();
        assert_eq!(written.number(), COUNT as u64 + 1);
    }
}

#[tokio::test]
async fn so_it_is_in_memory() {
    let stores = Stores::new(Limits::default());
    let store = begins_whole(&stores).await;
    let more = store.begin(beginning(Some(viewer("eve", 1)))).await;
    assert_eq!(more, Ok(false));
    assert_eq!(stored(store.store()).len(), COUNT);
}
