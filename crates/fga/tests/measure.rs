//! How fast and how large: a folder tree of a million tuples. Run in release, by hand:
//! `cargo test --release -p ztag-fga --test measure -- --ignored --nocapture`
#![cfg(test)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ztag_fga::{CheckRequest, Fields, ListObjectsRequest, Store, Tuple, WriteRequest, dsl};

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
    define blocked: [user]
    define reader: viewer but not blocked
";

const USERS: u64 = 50_000;
const GROUPS: u64 = 5_000;
const FOLDERS: u64 = 100_000;
const DOCS: u64 = 600_000;
/// Folders in a folder: the tree is about seven levels deep.
const WIDTH: u64 = 5;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn user(number: u64) -> String {
    format!("user:{number:08x}-6f5c-4d1b-9a3e-2b7c8d9e0f1a")
}

fn doc(number: u64) -> String {
    format!("doc:{number:08x}-1a2b-4c3d-8e4f-5a6b7c8d9e0f")
}

fn folder(number: u64) -> String {
    format!("folder:{number:08x}-0f1e-4d2c-8b3a-495867768594")
}

fn group(number: u64) -> String {
    format!("group:{number}")
}

fn tuples(random: &mut Random) -> Vec<Tuple> {
    let mut tuples = Vec::new();
    for number in 1..FOLDERS {
        tuples.push(Tuple::new(
            folder((number - 1) / WIDTH),
            "parent",
            folder(number),
        ));
    }
    for number in 0..DOCS {
        tuples.push(Tuple::new(
            folder(random.below(FOLDERS)),
            "parent",
            doc(number),
        ));
    }
    for _ in 0..150_000 {
        let member = user(random.below(USERS));
        tuples.push(Tuple::new(member, "member", group(random.below(GROUPS))));
    }
    for _ in 0..75_000 {
        let set = format!("{}#member", group(random.below(GROUPS)));
        tuples.push(Tuple::new(set, "viewer", folder(random.below(FOLDERS))));
    }
    for _ in 0..75_000 {
        tuples.push(Tuple::new(
            user(random.below(USERS)),
            "viewer",
            doc(random.below(DOCS)),
        ));
    }
    tuples
}

/// Time that this thread has run, so that other work on the machine does not count; the time of
/// the clock where the system does not tell.
struct Stopwatch {
    clock: Instant,
    ran: Option<u64>,
}

impl Stopwatch {
    fn start() -> Self {
        Self {
            clock: Instant::now(),
            ran: ran(),
        }
    }

    fn elapsed(&self) -> Duration {
        let ran = ran()
            .zip(self.ran)
            .map(|(now, then)| Duration::from_nanos(now - then));
        ran.unwrap_or_else(|| self.clock.elapsed())
    }
}

fn ran() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn tell(what: &str, count: usize, took: Duration) {
    let nanos = took.as_nanos() / count as u128;
    println!(
        "{what}: {nanos} ns each, {} per second",
        1_000_000_000 / nanos.max(1)
    );
}

#[test]
#[ignore = "takes a while and means something in release only"]
fn folder_tree() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let store = Store::default();
    store.write_model(dsl::parse(MODEL).unwrap()).unwrap();
    let tuples = tuples(&mut random);
    let start = Stopwatch::start();
    store.load(None, &tuples).unwrap();
    println!("loaded {} tuples in {:?}", tuples.len(), start.elapsed());
    drop(tuples);
    store.compact();
    let size = store.size();
    println!("{size:?}");
    let bytes = size.index_bytes + size.name_bytes;
    println!(
        "{} bytes per tuple, {} with the log",
        bytes / size.tuples,
        (bytes + size.log_bytes) / size.tuples
    );
    resolved(&store, &mut random);
    by_name(&store, &mut random);
    writes(&store, &mut random);
    lists(&store, &mut random);
}

fn resolved(store: &Store, random: &mut Random) {
    let context = Fields::new();
    let mut checker = store.checker(None, &[], &context).unwrap();
    for relation in ["viewer", "reader"] {
        let mut questions = Vec::new();
        for _ in 0..400_000 {
            let user = checker.user(&user(random.below(USERS))).unwrap();
            let (object, relation) = checker.object(&doc(random.below(DOCS)), relation).unwrap();
            questions.push((user, relation, object));
        }
        let start = Stopwatch::start();
        let mut allowed = 0;
        for (user, relation, object) in &questions {
            let answer = checker.check(*user, *relation, *object).unwrap();
            allowed += usize::from(black_box(answer));
        }
        let what = format!("{relation} by handles ({allowed} yes)");
        tell(&what, questions.len(), start.elapsed());
    }
    let objects = (0..1000).map(|_| checker.object(&doc(random.below(DOCS)), "viewer").unwrap());
    let (objects, relations): (Vec<_>, Vec<_>) = objects.unzip();
    let mut count = 0;
    let start = Stopwatch::start();
    for _ in 0..200 {
        let user = checker.user(&user(random.below(USERS))).unwrap();
        count += black_box(checker.check_all(user, relations[0], &objects)).len();
    }
    tell("one user and 1,000 documents, each", count, start.elapsed());
}

fn by_name(store: &Store, random: &mut Random) {
    let questions: Vec<_> = (0..200_000)
        .map(|_| CheckRequest::new(user(random.below(USERS)), "viewer", doc(random.below(DOCS))))
        .collect();
    let start = Stopwatch::start();
    for question in &questions {
        black_box(store.check(question).unwrap());
    }
    tell("viewer by names", questions.len(), start.elapsed());
}

fn writes(store: &Store, random: &mut Random) {
    let requests: Vec<_> = (0..100_000)
        .map(|number| {
            let tuple = Tuple::new(user(random.below(USERS)), "blocked", doc(number));
            WriteRequest::writes([tuple])
        })
        .collect();
    let start = Stopwatch::start();
    for request in &requests {
        store.write(request).unwrap();
    }
    tell("writes of one tuple", requests.len(), start.elapsed());
    by_name(store, random);
}

fn lists(store: &Store, random: &mut Random) {
    let mut found = 0;
    let start = Stopwatch::start();
    for _ in 0..200 {
        let request = ListObjectsRequest {
            type_name: "doc".into(),
            relation: "viewer".into(),
            user: user(random.below(USERS)),
            ..ListObjectsRequest::default()
        };
        found += store.list_objects(&request).unwrap().objects.len();
    }
    tell(
        &format!("lists of objects ({found} found)"),
        200,
        start.elapsed(),
    );
}
