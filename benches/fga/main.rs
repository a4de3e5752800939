//! What an answer of the FGA engine costs, over a tree of folders with a million tuples;
//! `ZTAG_FGA_TUPLES` says how many. An argument chooses rows by their names. Fails when a goal is missed
//! by more than noise explains. With `--export FOLDER` nothing is measured: the model and the tuples are
//! written down, for other engines to be measured with.

#![expect(clippy::print_stdout, reason = "a benchmark talks to who runs it")]

mod measure;
mod stopwatch;
mod world;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use ztag_fga::{
    BatchCheckItem, BatchCheckRequest, CheckRequest, EntityId, Fields, ListObjectsRequest,
    ResolvedRelation, ResolvedUser, Size, Store, Tuple, WriteRequest,
};

use self::measure::{Hot, measure, tell};
use self::stopwatch::{Stopwatch, resident};
use self::world::{Failure, Random, World};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tuples where nothing is said.
const TUPLES: u64 = 1_000_000;
/// The row that has a goal, and how many answers a second it is, over as many tuples as where nothing
/// is said.
const GOAL: (&str, u128) = ("folder tree, by handles", 1_000_000);
/// Most bytes of memory for each tuple.
const MOST_BYTES: f64 = 60.0;
/// How far from its goal a number may be by noise alone, in percent.
const SLACK: u128 = 15;
/// Questions of each kind. Few enough to be made up front, too many to stay in a cache.
const QUESTIONS: usize = 200_000;
/// Questions by names that are made at a time: those that arrive lie in caches, and all of them
/// together would not.
const HOT: usize = 500;
/// What is asked, with the relation that it is called by.
const KINDS: [(&str, &str); 5] = [
    ("direct", "owner"),
    ("nested group", "crew"),
    ("folder tree", "viewer"),
    ("exclusion", "reader"),
    ("condition", "guest"),
];

fn main() -> Result<(), Failure> {
    let tuples = std::env::var("ZTAG_FGA_TUPLES").ok();
    let tuples = tuples.and_then(|tuples| tuples.parse().ok());
    let tuples = tuples.unwrap_or(TUPLES);
    let world = World::of(tuples);
    let mut arguments = std::env::args().skip(1).filter(|text| text != "--bench");
    let only = arguments.next();
    if only.as_deref() == Some("--export") {
        let folder = arguments.next().ok_or("`--export` needs a folder")?;
        return world.export(Path::new(&folder));
    }
    let mut bench = Bench {
        store: load(&world)?,
        world,
        random: Random(0x9e37_79b9_7f4a_7c15),
        only,
        is_judged: tuples == TUPLES,
    };
    for (what, relation) in KINDS {
        bench.by_handles(what, relation)?;
    }
    for (what, relation) in KINDS {
        bench.by_names(what, relation)?;
    }
    bench.many_documents()?;
    bench.batches()?;
    bench.lists()?;
    bench.writes()
}

fn load(world: &World) -> Result<Store, Failure> {
    let before = resident();
    let (clock, watch) = (Instant::now(), Stopwatch::start());
    let store = world.store()?;
    let (took, ran) = (clock.elapsed(), watch.elapsed());
    let size = store.size();
    let Size {
        tuples,
        entities,
        index_bytes,
        name_bytes,
        log_bytes,
        ..
    } = size;
    println!(
        "{tuples} tuples of {entities} objects, made up and loaded in {took:.2?} ({ran:.2?} of work)"
    );
    let each = |bytes: usize| share(bytes, tuples);
    let all = each(index_bytes + name_bytes + log_bytes);
    println!(
        "bytes per tuple: {:.1} index, {:.1} names, {:.1} log; {all:.1} in all; {:.1} resident",
        each(index_bytes),
        each(name_bytes),
        each(log_bytes),
        each(usize::try_from(resident() - before).unwrap_or_default()),
    );
    if all > MOST_BYTES {
        return Err(format!("{all:.1} bytes per tuple, goal {MOST_BYTES}: MISSED").into());
    }
    Ok(store)
}

#[expect(clippy::cast_precision_loss, reason = "a mean needs few digits")]
fn share(whole: usize, parts: usize) -> f64 {
    whole as f64 / parts as f64
}

/// Whether a row reached its goal, give or take noise.
fn judge(rate: u128, least: u128) -> Result<(), Failure> {
    if rate * (100 + SLACK) < least * 100 {
        return Err(format!("{rate} per second, goal {least}: MISSED").into());
    }
    println!("    goal {least} per second: met, or missed within noise");
    Ok(())
}

struct Bench {
    store: Store,
    world: World,
    random: Random,
    /// Part of the names of the rows that are wanted.
    only: Option<String>,
    /// Whether goals are judged.
    is_judged: bool,
}

type Question = (ResolvedUser, ResolvedRelation, EntityId);

impl Bench {
    fn wants(&self, name: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| name.contains(only))
    }

    fn by_handles(&mut self, what: &str, relation: &str) -> Result<(), Failure> {
        let name = format!("{what}, by handles");
        if !self.wants(&name) {
            return Ok(());
        }
        let context = world::now();
        let mut checker = self.store.checker(None, &[], &context)?;
        let mut questions = Vec::with_capacity(QUESTIONS);
        for _ in 0..QUESTIONS {
            let (user, doc) = self.world.question(relation, &mut self.random);
            let user = checker.user(&user)?;
            let (object, relation) = checker.object(&doc, relation)?;
            questions.push((user, relation, object));
        }
        let ask = |(user, relation, object): &Question| checker.check(*user, *relation, *object);
        let answers = measure(&name, &questions, ask)?;
        println!("    {} of {QUESTIONS} yes", answers.yes);
        match GOAL {
            (goal, least) if self.is_judged && goal == name => judge(answers.rate, least),
            _ => Ok(()),
        }
    }

    fn by_names(&mut self, what: &str, relation: &str) -> Result<(), Failure> {
        let name = format!("{what}, by names");
        if !self.wants(&name) {
            return Ok(());
        }
        let Self {
            store,
            world,
            random,
            ..
        } = self;
        let mut ask = Hot::new();
        while ask.count < QUESTIONS {
            let questions = (0..HOT).map(|_| {
                let (user, doc) = world.question(relation, random);
                let mut question = CheckRequest::new(user, relation, doc);
                if relation == "guest" {
                    question.context = world::now();
                }
                question
            });
            ask.measure(&questions.collect::<Vec<_>>(), |question| {
                store.check(question)
            })?;
        }
        ask.tell(&name);
        Ok(())
    }

    /// One user and a thousand documents at a time.
    fn many_documents(&mut self) -> Result<(), Failure> {
        const DOCUMENTS: usize = 1000;
        const USERS: usize = 200;
        let name = "folder tree, 1,000 documents of one user, each";
        if !self.wants(name) {
            return Ok(());
        }
        let context = Fields::new();
        let mut checker = self.store.checker(None, &[], &context)?;
        let mut objects = Vec::with_capacity(DOCUMENTS);
        let (first, viewer) = checker.object(&self.world.doc(&mut self.random), "viewer")?;
        objects.push(first);
        for _ in 1..DOCUMENTS {
            let doc = self.world.doc(&mut self.random);
            objects.push(checker.object(&doc, "viewer")?.0);
        }
        let mut users = Vec::with_capacity(USERS);
        for _ in 0..USERS {
            users.push(checker.user(&self.world.user(&mut self.random))?);
        }
        let watch = Stopwatch::start();
        for user in users {
            black_box(checker.check_all(user, viewer, &objects));
        }
        tell(name, DOCUMENTS * USERS, &watch);
        Ok(())
    }

    /// Batches as they come by HTTP: one user, fifty documents.
    fn batches(&mut self) -> Result<(), Failure> {
        const ITEMS: usize = 50;
        const BATCHES: usize = 4000;
        let name = "folder tree, batches of 50 by names, each";
        if !self.wants(name) {
            return Ok(());
        }
        let mut batches = Vec::with_capacity(BATCHES);
        for _ in 0..BATCHES {
            let user = self.world.user(&mut self.random);
            let item = |number: usize, object: String| BatchCheckItem {
                user: user.clone(),
                relation: "viewer".to_owned(),
                object,
                correlation_id: number.to_string(),
                ..BatchCheckItem::default()
            };
            let docs = (0..ITEMS).map(|number| {
                let doc = self.world.doc(&mut self.random);
                item(number, doc)
            });
            batches.push(BatchCheckRequest {
                model: None,
                checks: docs.collect(),
            });
        }
        let watch = Stopwatch::start();
        for batch in &batches {
            black_box(self.store.batch_check(batch)?);
        }
        tell(name, ITEMS * BATCHES, &watch);
        Ok(())
    }

    fn lists(&mut self) -> Result<(), Failure> {
        const LISTS: usize = 200;
        let name = "lists of the documents of a user, up to 1,000";
        if !self.wants(name) {
            return Ok(());
        }
        let mut found = 0;
        let watch = Stopwatch::start();
        for _ in 0..LISTS {
            let request = ListObjectsRequest {
                type_name: "doc".into(),
                relation: "viewer".into(),
                user: self.world.user(&mut self.random),
                ..ListObjectsRequest::default()
            };
            found += self.store.list_objects(&request)?.objects.len();
        }
        tell(name, LISTS, &watch);
        println!("    {} found each", found / LISTS);
        Ok(())
    }

    /// Writes of one tuple each, into memory; then questions among what was written.
    fn writes(&mut self) -> Result<(), Failure> {
        const WRITES: u64 = 50_000;
        let name = "writes of one tuple, in memory";
        if !self.wants(name) {
            return Ok(());
        }
        let from = self.world.docs;
        let requests: Vec<_> = (from..from + WRITES.min(from))
            .map(|number| {
                let user = self.world.user(&mut self.random);
                let tuple = Tuple::new(user, "blocked", format!("doc:{number}"));
                WriteRequest::writes([tuple])
            })
            .collect();
        let watch = Stopwatch::start();
        for request in &requests {
            self.store.write(request)?;
        }
        tell(name, requests.len(), &watch);
        self.by_handles("folder tree after writes", "viewer")
    }
}
