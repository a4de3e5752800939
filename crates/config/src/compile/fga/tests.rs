use std::fs;
use std::sync::Arc;

use ztag_fga_remote::{Authority, Check, Given, STORE};
use ztag_types::ManualClock;

use super::*;
use crate::compile::{Compiled, compile};
use crate::load::{Sources, load};

const MODEL: &str = "model
  schema 1.1
type user
type doc
  relations
    define viewer: [user]
";
const RULE: &str = "endpoints: {api: {authentication: {allow: {none: true}}, rules: [{name: r}]}, free: {authentication: {allow: {none: true}}}}
rules: {r: {fga: {store: docs, user: 'user:{{ request.query.u }}', relation: viewer, object: 'doc:1'}}}
";

/// A folder with a configuration and files beside it.
struct House(tempfile::TempDir);

impl House {
    fn new(stores: &str, files: &[(&str, &str)]) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        house.write("gateway.yaml", &format!("{RULE}fgaStores: {stores}\n"));
        for (name, text) in files {
            house.write(name, text);
        }
        house
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn load(&self) -> Loaded {
        load(&Sources::file(self.0.path().join("gateway.yaml")))
    }
}

fn places(loaded: &Loaded) -> Stores {
    Stores::offline(loaded, Arc::new(ManualClock::new())).unwrap()
}

fn directory_of(loaded: &Loaded, stores: &Stores) -> Directory {
    let (mut ledger, server) = (Ledger::default(), loaded.server().unwrap());
    let places = (&*stores.tokens, &stores.client);
    let tokens = Tokens::compile(loaded, server, places, &mut ledger);
    super::stores(loaded, stores, &tokens, &mut ledger)
}

fn compiled(stores: &str, files: &[(&str, &str)]) -> Compiled {
    let loaded = House::new(stores, files).load();
    compile(&loaded, &places(&loaded))
}

#[track_caller]
fn sees(directory: &Directory, user: &str) -> bool {
    let authority = authority_of(directory);
    let check = Check {
        user: user.into(),
        relation: "viewer".into(),
        object: "doc:1".into(),
    };
    let given = Given::default();
    let asked = authority.check(std::slice::from_ref(&check), &given);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let answers = runtime.unwrap().block_on(asked);
    answers.results[0] == Ok(true)
}

/// Who answers for the store `docs`.
fn authority_of(directory: &Directory) -> Authority {
    let (at, mut findings) = (ConfigPath::root(), Findings::new());
    let found = directory.find(STORE, "docs", &at, &mut findings);
    found.unwrap().authority.clone()
}

#[test]
fn stores_are_read_from_files_of_every_kind() {
    let yaml = "- {user: 'user:yaml', relation: viewer, object: 'doc:1'}";
    let json = r#"[{"user": "user:json", "relation": "viewer", "object": "doc:1"}]"#;
    let csv = "user_type,user_id,relation,object_type,object_id\nuser,csv,viewer,doc,1\n";
    let spec = "{docs: {modelFile: model.fga, tupleFiles: [a.yaml, b.json, c.csv], tuples: [{user: 'user:own', relation: viewer, object: 'doc:1'}]}}";
    let house = House::new(
        spec,
        &[
            ("model.fga", MODEL),
            ("a.yaml", yaml),
            ("b.json", json),
            ("c.csv", csv),
        ],
    );
    let loaded = house.load();
    let stores = places(&loaded);
    let directory = directory_of(&loaded, &stores);
    for user in ["user:yaml", "user:json", "user:csv", "user:own"] {
        assert!(sees(&directory, user), "{user}");
    }
    assert!(!sees(&directory, "user:nobody"));
    // Read again, nothing is made anew.
    let again = house.load();
    let other = directory_of(&again, &stores);
    match (authority_of(&directory), authority_of(&other)) {
        (Authority::Local(a), Authority::Local(b)) => assert!(Arc::ptr_eq(&a, &b)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn attack_42_a_changed_file_is_another_store_and_the_old_plan_keeps_its_own() {
    let house = House::new(
        "{docs: {modelFile: model.fga, tupleFiles: [t.yaml]}}",
        &[
            ("model.fga", MODEL),
            (
                "t.yaml",
                "- {user: 'user:ada', relation: viewer, object: 'doc:1'}",
            ),
        ],
    );
    let loaded = house.load();
    let stores = places(&loaded);
    let before = directory_of(&loaded, &stores);
    assert!(loaded.is_settled());
    house.write("t.yaml", "[]");
    assert!(!loaded.is_settled(), "the change is noticed");
    let after = directory_of(&house.load(), &stores);
    assert!(!sees(&after, "user:ada"));
    assert!(sees(&before, "user:ada"));
}

#[test]
fn a_writable_store_outlives_reloads_and_mistakes() {
    let spec = "{docs: {writable: true, modelFile: model.fga}}";
    let house = House::new(spec, &[("model.fga", MODEL)]);
    let loaded = house.load();
    let stores = places(&loaded);
    let directory = directory_of(&loaded, &stores);
    let served = stores.fga.served().list(None, 9, |_| true);
    assert_eq!((served.len(), served[0].name()), (1, "docs"));
    let tuple = Tuple::new("user:new", "viewer", "doc:1");
    let write = ztag_fga::WriteRequest::writes([tuple]);
    served[0].store().write(&write).unwrap();
    assert!(sees(&directory, "user:new"));
    house.write("gateway.yaml", RULE);
    directory_of(&house.load(), &stores);
    house.write("gateway.yaml", &format!("{RULE}fgaStores: {spec}\n"));
    let again = directory_of(&house.load(), &stores);
    assert!(sees(&again, "user:new"));
}

#[test]
fn a_store_that_is_written_down_is_there_after_a_restart() {
    let spec = "{docs: {writable: true, modelFile: model.fga, tuples: [{user: 'user:own', relation: viewer, object: 'doc:1'}]}}";
    let house = House::new(spec, &[("model.fga", MODEL)]);
    let text = format!("server: {{fga: {{folder: ./stores}}}}\n{RULE}fgaStores: {spec}\n");
    house.write("gateway.yaml", &text);
    let loaded = house.load();
    let clock = Arc::new(ManualClock::new());
    let stores = Stores::open(&loaded, clock.clone()).unwrap();
    let directory = directory_of(&loaded, &stores);
    assert!(sees(&directory, "user:own"));
    let second = Stores::open(&loaded, clock.clone()).unwrap_err();
    assert!(
        second.to_human().contains("cannot be opened"),
        "one process at a time"
    );
    let served = stores.fga.served().list(None, 9, |_| true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let write = |request| runtime.block_on(served[0].write(request)).unwrap();
    write(ztag_fga::WriteRequest::writes([Tuple::new(
        "user:new", "viewer", "doc:1",
    )]));
    write(ztag_fga::WriteRequest::deletes([Tuple::new(
        "user:own", "viewer", "doc:1",
    )]));
    stores.fga.served().close();
    drop((directory, stores));
    let stores = Stores::open(&loaded, clock).unwrap();
    let directory = directory_of(&loaded, &stores);
    assert!(sees(&directory, "user:new"));
    assert!(!sees(&directory, "user:own"), "it begins once");
    stores.fga.served().close();
}

type File = (&'static str, &'static str);

/// Stores, files beside them, where the mistake stands, and what is said of it.
const BROKEN: [(&str, &[File], &str, &str); 8] = [
    ("{docs: {}}", &[], "fgaStores.docs.model", "needs a `model`"),
    (
        "{docs: {modelFile: gone.fga}}",
        &[],
        "fgaStores.docs.modelFile",
        "does not exist",
    ),
    (
        "{docs: {modelFile: m.fga}}",
        &[("m.fga", "model\n  schema 1.1\ntype\n")],
        "fgaStores.docs.modelFile",
        "`m.fga`: ",
    ),
    (
        "{docs: {modelFile: m.fga, tuples: [{user: 'user:a', relation: nope, object: 'doc:1'}]}}",
        &[("m.fga", MODEL)],
        "fgaStores.docs.tuples",
        "nope",
    ),
    (
        "{docs: {modelFile: m.fga, tupleFiles: [t.csv]}}",
        &[("m.fga", MODEL), ("t.csv", "a,b\n\"")],
        "fgaStores.docs.tupleFiles[0]",
        "`t.csv`: ",
    ),
    (
        "{docs: {writable: true, id: nope}}",
        &[],
        "fgaStores.docs.id",
        "not a ULID",
    ),
    (
        "{docs: {remote: {url: 'ftp://x', storeId: 01ARZ3NDEKTSV4RRFFQ69G5FAV}}}",
        &[],
        "fgaStores.docs.remote.url",
        "`http` or `https`",
    ),
    (
        "{docs: {writable: true, remote: {url: 'http://127.0.0.1:1', storeId: 01ARZ3NDEKTSV4RRFFQ69G5FAV}}}",
        &[],
        "fgaStores.docs.remote",
        "neither model nor tuples",
    ),
];

#[test]
fn a_broken_store_closes_whoever_asks_it_and_nobody_else() {
    for (spec, files, path, needle) in BROKEN {
        let compiled = compiled(spec, files);
        let text = compiled.report.to_human();
        let closed: Vec<_> = compiled
            .quarantined
            .iter()
            .map(ztag_types::EndpointName::as_str)
            .collect();
        assert_eq!(closed, ["api"], "{spec}: {text}");
        let found = compiled.report.findings().iter();
        let found: Vec<_> = found
            .map(|own| (own.path.as_str(), own.message.as_str()))
            .collect();
        let told = found
            .iter()
            .any(|(own, message)| *own == path && message.contains(needle));
        assert!(told, "{spec}: {found:?}");
        assert!(compiled.plan.is_some(), "{text}");
    }
}

#[test]
fn names_of_rules_are_compared_with_the_model() {
    let model = MODEL.replace("viewer", "reader");
    let compiled = compiled("{docs: {modelFile: m.fga}}", &[("m.fga", &model)]);
    let found = compiled.report.findings();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "type `doc` has no relation `viewer`");
}
