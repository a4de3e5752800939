//! Writing in two steps, and making a store again from what was written down.

use std::sync::Arc;

use ztag_fga::{
    ChangesRequest, CheckRequest, DeleteRequest, Edit, ErrorCode, ExpireRequest, Limits,
    NumberedChange, ReadRequest, Restore, Revision, Store, Tuple, TupleChange, TupleFilter,
    WriteRequest, Writer, dsl,
};
use ztag_types::{Clock, ManualClock, Timestamp};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type doc
  relations
    define viewer: [user, user:*, group#member, user with in_time]
condition in_time(now: timestamp, over: timestamp) {
  now < over
}
";

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new())
}

fn writer() -> Writer {
    let mut writer = Writer::new(Limits::default(), clock());
    let model = writer.stage_model(dsl::parse(MODEL).unwrap()).unwrap();
    assert!(
        writer.store().model(None).is_err(),
        "nobody sees what is staged"
    );
    writer.publish_model(model);
    writer
}

fn viewer(user: &str, doc: usize) -> Tuple {
    Tuple::new(user, "viewer", format!("doc:{doc}"))
}

fn writes(tuples: impl IntoIterator<Item = Tuple>) -> Edit {
    Edit::Write(WriteRequest::writes(tuples))
}

fn deletes(tuples: impl IntoIterator<Item = Tuple>) -> Edit {
    Edit::Write(WriteRequest::deletes(tuples))
}

/// Everything that a caller can see of tuples and changes.
fn seen(store: &Store) -> (Revision, Vec<(Tuple, Timestamp)>, Vec<TupleChange>) {
    let mut stored = Vec::new();
    let mut request = Some(ReadRequest::default());
    while let Some(asked) = request {
        let page = store.read(&asked).unwrap();
        request = asked.next(&page);
        stored.extend(page.tuples.into_iter().map(|own| (own.tuple, own.written)));
    }
    let mut changes = Vec::new();
    let mut request = ChangesRequest::default();
    loop {
        let page = store.read_changes(&request).unwrap();
        if page.changes.is_empty() {
            return (store.revision(), stored, changes);
        }
        changes.extend(page.changes);
        request.continuation_token = page.continuation_token;
    }
}

/// Applies edits one by one, as a journal would: what is accepted is written down and published.
fn run(writer: &mut Writer, edits: &[Edit]) -> Vec<NumberedChange> {
    let mut journal = Vec::new();
    for edit in edits {
        let mut staging = writer.stage();
        if staging.apply(edit).is_ok() {
            journal.extend(staging.changes());
            staging.publish();
        }
    }
    journal
}

/// Edits that touch few tuples again and again; the same for the same seed.
fn random_edits(seed: u64, count: usize) -> Vec<Edit> {
    let mut state = seed | 1;
    let mut next = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let users = [
        "user:a",
        "user:b",
        "user:*",
        "group:g#member",
        "group:h#member",
    ];
    let mut edits = Vec::new();
    for _ in 0..count {
        let user = users[usize::try_from(next(5)).unwrap()];
        let tuple = viewer(user, usize::try_from(next(4)).unwrap());
        let over = format!(r#"{{"over": "20{:02}-01-01T00:00:00Z"}}"#, 20 + next(20));
        let conditioned = tuple
            .clone()
            .when("in_time", serde_json::from_str(&over).unwrap());
        edits.push(match next(8) {
            0..3 => writes([tuple]),
            3 if user.starts_with("user:") && user != "user:*" => writes([conditioned]),
            4 => Edit::Delete(DeleteRequest {
                filter: TupleFilter {
                    user: user.into(),
                    ..TupleFilter::default()
                },
                ..DeleteRequest::default()
            }),
            5 => Edit::Expire(ExpireRequest {
                key: "over".into(),
                before: Timestamp::from_seconds(1_893_456_000),
                after: Revision::default(),
            }),
            _ => deletes([tuple]),
        });
    }
    edits
}

fn from_changes(folded: Revision, changes: &[NumberedChange]) -> Writer {
    let mut restore = Restore::new(Limits::default(), clock(), folded);
    for change in changes {
        restore.push(change).unwrap();
    }
    restore.finish().unwrap()
}

fn from_image(store: &Store) -> Writer {
    let mut image = Vec::new();
    let revision = store.write_image(&mut image).unwrap();
    assert_eq!(revision, store.revision());
    let restore = Restore::from_image(Limits::default(), clock(), &mut image.as_slice());
    restore.unwrap().finish().unwrap()
}

#[test]
fn what_is_staged_is_seen_by_nobody() {
    let mut writer = writer();
    let store = Arc::clone(writer.store());
    let check = CheckRequest::new("user:a", "viewer", "doc:1");
    let mut staging = writer.stage();
    staging.apply(&writes([viewer("user:a", 1)])).unwrap();
    // Each is judged against those before it, and a refused one leaves nothing.
    let twice = staging.apply(&writes([viewer("user:b", 1), viewer("user:a", 1)]));
    assert_eq!(twice.unwrap_err().code(), ErrorCode::WriteFailed);
    staging.apply(&deletes([viewer("user:a", 1)])).unwrap();
    staging.apply(&writes([viewer("user:a", 1)])).unwrap();
    assert_eq!(staging.changes().len(), 3);
    assert_eq!(
        (store.check(&check), store.revision().number()),
        (Ok(false), 0)
    );
    drop(staging);
    assert_eq!(seen(&store).2.len(), 0, "dropped is forgotten");
    let mut staging = writer.stage();
    staging.apply(&writes([viewer("user:a", 1)])).unwrap();
    assert_eq!(staging.publish().number(), 1);
    assert_eq!(store.check(&check), Ok(true));
}

#[test]
fn stores_are_made_again_from_changes_and_from_images() {
    for seed in 1..40 {
        let mut own = writer();
        let journal = run(&mut own, &random_edits(seed * 0x9e37_79b9, 120));
        let expected = seen(own.store());
        assert!(journal.len() > 30, "{seed}: {}", journal.len());
        for mut again in [
            from_changes(Revision::default(), &journal),
            from_image(own.store()),
            from_image(from_image(own.store()).store()),
        ] {
            assert_eq!(seen(again.store()), expected, "{seed}");
            // It goes on as the other one does.
            again
                .follow_model(own.store().model(None).unwrap().spec().clone())
                .unwrap();
            let more = random_edits(seed, 20);
            let mut same = from_changes(Revision::default(), &journal);
            same.follow_model(own.store().model(None).unwrap().spec().clone())
                .unwrap();
            assert_eq!(run(&mut again, &more), run(&mut same, &more), "{seed}");
            again.store().compact();
            assert_eq!(seen(again.store()), seen(same.store()), "{seed}");
        }
        // Another process that follows comes to the same.
        let mut other = writer();
        for part in journal.chunks(7) {
            other.follow(part).unwrap();
        }
        assert_eq!(seen(other.store()), expected, "{seed}");
    }
}

#[test]
fn folds_keep_the_tuples() {
    for seed in 1..40 {
        let mut own = writer();
        let mut journal = run(&mut own, &random_edits(seed * 0x51ed_2701, 120));
        let before = seen(own.store());
        // In two steps, with more changes between them.
        for _ in 0..2 {
            let half = Revision::from_number(own.store().revision().number() * 2 / 3).unwrap();
            let fold = own.plan_fold(half, usize::MAX).unwrap();
            let dropped: Vec<_> = fold.dropped().collect();
            assert!(dropped.is_sorted() && dropped.iter().all(|own| *own <= fold.until()));
            let image = from_image(own.store());
            own.fold(&fold);
            assert_eq!(own.store().folded_until(), half);
            journal.retain(|change| !dropped.contains(&change.revision));
            let again = from_changes(half, &journal);
            assert_eq!(seen(again.store()), seen(own.store()), "{seed}");
            assert_eq!(
                seen(from_image(own.store()).store()),
                seen(own.store()),
                "{seed}"
            );
            // An image of before the fold comes to the same fold.
            let mut late = image;
            let same = late.plan_fold(half, usize::MAX).unwrap();
            assert_eq!(same, fold, "{seed}");
            late.fold(&same);
            assert_eq!(seen(late.store()), seen(own.store()), "{seed}");
            journal.extend(run(&mut own, &random_edits(seed, 60)));
        }
        let changes = seen(own.store()).2;
        assert!(changes.len() < before.2.len() + 60, "{seed}");
        // Whoever reads all changes from the beginning comes to the tuples.
        let mut tuples = Vec::new();
        for change in changes {
            let own = |other: &Tuple| {
                (&other.user, &other.object) == (&change.tuple.user, &change.tuple.object)
            };
            if change.is_delete {
                tuples.retain(|other| !own(other));
            } else {
                assert!(!tuples.iter().any(own), "{seed}");
                tuples.push(change.tuple);
            }
        }
        let stored: Vec<_> = seen(own.store())
            .1
            .into_iter()
            .map(|(tuple, _)| tuple)
            .collect();
        assert_eq!(tuples, stored, "{seed}");
    }
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let mut own = writer();
    let journal = run(
        &mut own,
        &[
            writes([viewer("user:a", 1), viewer("user:b", 1)]),
            deletes([viewer("user:a", 1)]),
        ],
    );
    let with = |change: fn(&mut Vec<NumberedChange>)| {
        let mut changes = journal.clone();
        change(&mut changes);
        changes
    };
    let bad = [
        with(|own| {
            own.remove(1);
        }),
        with(|own| {
            own[1].revision = own[0].revision;
        }),
        with(|own| own[2].change.tuple.user = "user:c".into()),
        with(|own| own[1].change.tuple.user = "user:a".into()),
        with(|own| own[0].change.tuple.object = "nothing".into()),
        with(|own| own[0].change.is_delete = true),
    ];
    for (number, changes) in bad.iter().enumerate() {
        let mut restore = Restore::new(Limits::default(), clock(), Revision::default());
        let pushed = changes.iter().try_for_each(|change| restore.push(change));
        assert!(pushed.is_err() || restore.finish().is_err(), "{number}");
        let mut follower = writer();
        assert!(follower.follow(changes).is_err(), "{number}");
        assert_eq!(
            follower.store().revision().number(),
            0,
            "{number}: nothing of it is seen"
        );
    }
}

#[test]
fn broken_images_are_refused() {
    let mut own = writer();
    run(&mut own, &random_edits(7, 60));
    let mut image = Vec::new();
    own.store().write_image(&mut image).unwrap();
    let read = |bytes: &[u8]| {
        let mut rest = bytes;
        let restore = Restore::from_image(Limits::default(), clock(), &mut rest);
        restore.map(|restore| restore.finish().is_ok())
    };
    assert!(read(&image).unwrap());
    for len in 0..image.len() {
        assert!(read(&image[..len]).is_err(), "{len}");
    }
    // Whoever keeps images knows whether they are whole; a flipped bit must do no worse than give
    // other tuples.
    for at in 0..image.len() {
        let mut flipped = image.clone();
        flipped[at] ^= 0x81;
        let _ = read(&flipped);
    }
}
