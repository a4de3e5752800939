//! A store to be measured: documents in a tree of folders, groups and teams.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;
use ztag_fga::{Fields, Store, Tuple, TupleCondition, dsl};

/// Why there is nothing to measure.
pub(crate) type Failure = Box<dyn std::error::Error>;

const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user]
type team
  relations
    define member: [user, team#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type doc
  relations
    define parent: [folder]
    define owner: [user]
    define crew: [team#member]
    define guest: [user with until]
    define viewer: [user, group#member] or viewer from parent
    define blocked: [user]
    define reader: viewer but not blocked
condition until(now: timestamp, end: timestamp) {
  now < end
}
";

/// Folders in a folder: a million tuples make a tree about seven levels deep.
const WIDTH: u64 = 5;
/// Teams in a row, each inside the next.
const NESTING: u64 = 4;

/// A generator of numbers (xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    users: u64,
    groups: u64,
    teams: u64,
    folders: u64,
    pub(crate) docs: u64,
}

impl World {
    /// A world of about this many tuples.
    pub(crate) const fn of(tuples: u64) -> Self {
        Self {
            users: tuples / 20,
            groups: tuples / 200,
            teams: tuples / 200,
            folders: tuples / 10,
            docs: tuples / 50 * 26,
        }
    }

    /// A store with all tuples, in one piece.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        let store = Store::default();
        let model = dsl::parse(MODEL).map_err(|found| format!("{found:?}"))?;
        store.write_model(model)?;
        self.tuples(&mut |tuples| store.load(None, tuples).map(drop))?;
        store.compact();
        Ok(store)
    }

    /// Writes the model, and the tuples as the command line tool of `OpenFGA` reads them.
    pub(crate) fn export(self, folder: &Path) -> Result<(), Failure> {
        fs::write(folder.join("model.fga"), MODEL)?;
        let mut file = BufWriter::new(File::create(folder.join("tuples.csv"))?);
        writeln!(
            file,
            "user_type,user_id,user_relation,relation,object_type,object_id,condition_name,\
             condition_context"
        )?;
        for tuple in self.all() {
            let (user, set) = tuple.user.split_once('#').unwrap_or((&tuple.user, ""));
            let (kind, id) = user.split_once(':').unwrap_or_default();
            let (object, object_id) = tuple.object.split_once(':').unwrap_or_default();
            let relation = &tuple.relation;
            write!(file, "{kind},{id},{set},{relation},{object},{object_id},")?;
            if let Some(TupleCondition { name, context }) = &tuple.condition {
                let context = serde_json::to_string(context)?.replace('"', "\"\"");
                write!(file, "{name},\"{context}\"")?;
            } else {
                write!(file, ",")?;
            }
            writeln!(file)?;
        }
        Ok(file.flush()?)
    }

    /// Hands over all tuples in large portions.
    pub(crate) fn tuples<E>(
        &self,
        take: &mut dyn FnMut(&[Tuple]) -> Result<(), E>,
    ) -> Result<(), E> {
        const PORTION: usize = 100_000;
        let mut portion = Vec::with_capacity(PORTION);
        for tuple in self.all() {
            portion.push(tuple);
            if portion.len() == PORTION {
                take(&portion)?;
                portion.clear();
            }
        }
        take(&portion)
    }

    /// Each tuple once.
    fn all(self) -> impl Iterator<Item = Tuple> {
        let tree = (1..self.folders)
            .map(|number| Tuple::new(folder((number - 1) / WIDTH), "parent", folder(number)));
        let nested = (0..self.teams).filter(|number| number % NESTING != 0);
        let nested = nested.map(|number| {
            let inner = format!("{}#member", team(number));
            Tuple::new(inner, "member", team(number - 1))
        });
        let crews = (0..self.teams).step_by(4).map(|number| {
            let outer = format!("{}#member", team(number));
            Tuple::new(outer, "crew", doc(number))
        });
        let tree = tree.chain(self.documents()).chain(self.members());
        tree.chain(nested).chain(crews)
    }

    fn documents(self) -> impl Iterator<Item = Tuple> {
        let Self {
            users,
            groups,
            folders,
            docs,
            ..
        } = self;
        let filed = numbered(docs, 1)
            .map(move |(number, any)| Tuple::new(folder(any % folders), "parent", doc(number)));
        let shared = numbered(folders / 4 * 3, 2).map(move |(number, any)| {
            let set = format!("{}#member", group(any % groups));
            Tuple::new(set, "viewer", folder(number))
        });
        let given = numbered(folders / 4 * 3, 3)
            .map(move |(number, any)| Tuple::new(user(any % users), "viewer", doc(number * 6)));
        let owned = (0..folders / 4)
            .map(move |number| Tuple::new(user(own(number) % users), "owner", doc(number)));
        let blocked = numbered(folders / 8, 5)
            .map(move |(number, any)| Tuple::new(user(any % users), "blocked", doc(number)));
        let guests = (0..folders / 8).map(move |number| Tuple {
            condition: Some(expiry()),
            ..Tuple::new(user(own(number) % users), "guest", doc(number))
        });
        let filed = filed.chain(shared).chain(given);
        filed.chain(owned).chain(blocked).chain(guests)
    }

    /// The members of each group and team are spread evenly over the users, from one at random on.
    fn members(self) -> impl Iterator<Item = Tuple> {
        const OF_GROUP: u64 = 30;
        const OF_TEAM: u64 = 4;
        let users = self.users;
        let spread = move |first: u64, count: u64| {
            let step = users / count;
            (0..count).map(move |place| user((first + place * step) % users))
        };
        let of_groups = numbered(self.groups, 7).flat_map(move |(number, any)| {
            let members = spread(any % users, OF_GROUP);
            members.map(move |member| Tuple::new(member, "member", group(number)))
        });
        let of_teams = numbered(self.teams, 8).flat_map(move |(number, any)| {
            let members = spread(any % users, OF_TEAM);
            members.map(move |member| Tuple::new(member, "member", team(number)))
        });
        of_groups.chain(of_teams)
    }

    /// A user and a document that may have a tuple of `relation`. Where that is all there is to
    /// the relation, every other user is the one of the tuple.
    pub(crate) fn question(&self, relation: &str, random: &mut Random) -> (String, String) {
        let number = match relation {
            "owner" => random.below(self.folders / 4),
            "guest" => random.below(self.folders / 8),
            "crew" => random.below(self.teams / NESTING) * NESTING,
            _ => random.below(self.docs),
        };
        let asker = match relation {
            "owner" | "guest" if random.below(2) == 0 => own(number) % self.users,
            _ => random.below(self.users),
        };
        (user(asker), doc(number))
    }

    pub(crate) fn user(&self, random: &mut Random) -> String {
        user(random.below(self.users))
    }

    pub(crate) fn doc(&self, random: &mut Random) -> String {
        doc(random.below(self.docs))
    }
}

/// The number of the user who owns a document.
const fn own(doc: u64) -> u64 {
    doc * 7919
}

/// Numbers below `count`, each with one at random.
fn numbered(count: u64, salt: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut random = Random(0x1234_5678_9abc_def1 ^ salt << 32);
    (0..count).map(move |number| (number, random.below(u64::MAX)))
}

/// What answers of conditions depend on, besides what their tuples say.
pub(crate) fn now() -> Fields {
    Fields::from_iter([("now".to_owned(), json!("2030-01-01T00:00:00Z"))])
}

fn expiry() -> TupleCondition {
    let end = ("end".to_owned(), json!("2031-01-01T00:00:00Z"));
    TupleCondition {
        name: "until".to_owned(),
        context: Some(Fields::from_iter([end])),
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

fn team(number: u64) -> String {
    format!("team:{number}")
}
