//! `ztag fga` as users call it: files, a server, exit codes.
#![cfg(test)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use ztag_test_support::{Process, Request, send, workspace};

const KEY: &str = "the-key-of-the-tests";

fn ztag(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ztag"));
    command.arg("fga").args(arguments).env_remove("FGA_API_URL");
    command
}

/// Runs a command; its exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = ztag(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn example(name: &str) -> String {
    let path = workspace().join("examples/document-permissions").join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_example_passes_its_tests() {
    let (code, output, error) = run(&["model", "test", &example("store.fga.yaml")]);
    assert_eq!((code, error.as_str()), (0, ""), "{output}");
    assert!(output.ends_with(" passed, 0 failed\n"), "{output}");
    assert_eq!(run(&["model", "validate", &example("model.fga")]).0, 0);
}

#[test]
fn sample_stores_pass_their_tests() {
    let folder = workspace().join("../shared/conformance/fga/sample-stores");
    let mut files = Vec::new();
    find(&folder, &mut files);
    if files.is_empty() {
        eprintln!("skipped: there is no {}", folder.display());
    }
    for file in files {
        let (code, output, error) = run(&["model", "test", file.to_str().unwrap()]);
        assert_eq!(code, 0, "{}: {output}{error}", file.display());
    }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.to_str().unwrap().ends_with(".fga.yaml") {
            found.push(path);
        }
    }
}

#[test]
fn a_failing_test_is_told_and_fails() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.fga.yaml");
    let text = "model: |\n  model\n    schema 1.1\n  type user\n  type doc\n    relations\n      define viewer: [user]\n\
                tuples:\n  - {user: user:ada, relation: viewer, object: doc:1}\n\
                tests:\n  - name: wrong\n    check:\n      - {user: user:ada, object: doc:1, assertions: {viewer: false}}\n";
    fs::write(&path, text).unwrap();
    let (code, output, _) = run(&["model", "test", path.to_str().unwrap()]);
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains("check user:ada viewer doc:1: expected false, got true"),
        "{output}"
    );
    assert!(output.ends_with("0 passed, 1 failed\n"), "{output}");
}

#[test]
fn models_are_judged_and_rewritten() {
    let folder = TempDir::new().unwrap();
    let broken = folder.path().join("broken.fga");
    fs::write(
        &broken,
        "model\n  schema 1.1\ntype doc\n  relations\n    define a: b\n",
    )
    .unwrap();
    let (code, _, error) = run(&["model", "validate", broken.to_str().unwrap()]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("5:"), "{error}");
    assert_eq!(run(&["model", "validate", "/nowhere/model.fga"]).0, 2);

    let (code, json, _) = run(&["model", "transform", &example("model.fga"), "--to", "json"]);
    assert_eq!(code, 0);
    let file = folder.path().join("model.json");
    fs::write(&file, &json).unwrap();
    let (code, dsl, _) = run(&["model", "transform", file.to_str().unwrap(), "--to", "dsl"]);
    assert_eq!(code, 0);
    let file = folder.path().join("model.fga");
    fs::write(&file, dsl).unwrap();
    let (_, again, _) = run(&["model", "transform", file.to_str().unwrap(), "--to", "json"]);
    let parse = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    assert_eq!(parse(&again), parse(&json));
}

#[test]
fn questions_to_a_file() {
    let file = example("store.fga.yaml");
    let ask = |arguments: &[&str]| run(&[arguments, &["--file", &file]].concat());
    let (code, output, _) = ask(&["check", "user:ben", "can_edit", "conversation:quarter"]);
    assert_eq!((code, output.as_str()), (0, "{\n  \"allowed\": true\n}\n"));
    assert_eq!(
        ask(&["check", "user:cleo", "can_read", "document:salaries"]).0,
        1
    );
    assert_eq!(
        ask(&["check", "user:cleo", "nothing", "document:salaries"]).0,
        2
    );
    let (code, _, _) = ask(&[
        "check",
        "user:ada",
        "delegate",
        "agent:reporter",
        "--context",
        r#"{"current_time": "2026-01-01T10:00:00Z"}"#,
    ]);
    assert_eq!(code, 0);
    let (_, output, _) = ask(&["list-objects", "agent:reporter", "can_read", "document"]);
    let listed: Json = serde_json::from_str(&output).unwrap();
    assert_eq!(listed, json!({"objects": ["document:roadmap"]}));
    let (_, output, _) = ask(&["expand", "owner", "conversation:quarter"]);
    let tree: Json = serde_json::from_str(&output).unwrap();
    assert_eq!(
        tree["tree"]["root"]["leaf"]["users"]["users"],
        json!(["user:ada"])
    );
    let (code, output, _) = ask(&["explain", "user:cleo", "can_read", "document:roadmap"]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.contains("folder:company") && output.ends_with("allowed\n"),
        "{output}"
    );
    let (code, output, _) = ask(&["explain", "user:cleo", "can_read", "document:salaries"]);
    assert_eq!(code, 1, "{output}");
    assert!(output.ends_with("denied\n"), "{output}");
}

/// A server with a preshared key, and a store with the model of the example.
struct Served {
    process: Process,
    address: SocketAddr,
    store: String,
}

impl Served {
    fn start() -> Self {
        Self::over("memory").with_store()
    }

    /// The same with a store and the model of the example.
    fn with_store(mut self) -> Self {
        let served = &mut self;
        let created = served.post("/stores", r#"{"name": "documents"}"#);
        served.store = created["id"].as_str().unwrap().to_owned();
        let (_, model, _) = run(&["model", "transform", &example("model.fga"), "--to", "json"]);
        served.post(
            &format!("/stores/{}/authorization-models", served.store),
            &model,
        );
        self
    }

    /// A server over the stores of a place.
    fn over(place: &str) -> Self {
        let mut command = ztag(&["serve", "--listen", "127.0.0.1:0", "--store", place]);
        command.env("ZTAG_FGA_KEY", KEY);
        let process = Process::start("ztag", command).unwrap();
        let line = process.wait_for_line(|line| line.contains(r#""msg":"listening""#));
        let line: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self {
            process,
            address,
            store: String::new(),
        }
    }

    fn post(&self, path: &str, body: &str) -> Json {
        let request = Request::new("POST", path)
            .header("Host: fga.example.com")
            .header(format!("Authorization: Bearer {KEY}"))
            .header("Connection: close")
            .body(body);
        let reply = send(self.address, &request).unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let server = format!("http://{}", self.address);
        let own = [
            "--server",
            &server,
            "--store-id",
            &self.store,
            "--token",
            KEY,
        ];
        run(&[arguments, &own].concat())
    }
}

#[test]
fn questions_to_a_server() {
    let served = Served::start();
    let (code, output, error) = served.run(&["import", &example("tuples.csv")]);
    assert_eq!(
        (code, output.as_str()),
        (0, "20 written, 0 refused\n"),
        "{error}"
    );
    assert_eq!(
        served
            .run(&["check", "user:ben", "can_edit", "conversation:quarter"])
            .0,
        0
    );
    assert_eq!(
        served
            .run(&["check", "user:cleo", "can_read", "document:salaries"])
            .0,
        1
    );
    assert_eq!(
        served.run(&["expand", "owner", "conversation:quarter"]).0,
        0
    );
    let (_, output, _) = served.run(&["list-objects", "agent:reporter", "can_read", "document"]);
    assert!(output.contains("document:roadmap"), "{output}");
    let (code, output, error) =
        served.run(&["explain", "user:cleo", "can_read", "document:roadmap"]);
    assert_eq!(code, 0, "{output}{error}");
    assert!(output.contains("folder:company"), "{output}");

    let folder = TempDir::new().unwrap();
    for format in ["yaml", "csv", "json"] {
        let (code, exported, _) = served.run(&["export", "--format", format]);
        assert_eq!(code, 0);
        let path = folder.path().join(format!("tuples.{format}"));
        fs::write(&path, exported).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(served.run(&["import", path]).1, "20 written, 0 refused\n");
        let (code, output, _) = served.run(&["import", path, "--refuse-duplicates"]);
        assert_eq!((code, output.as_str()), (1, "0 written, 20 refused\n"));
    }
    let wrong = folder.path().join("wrong.json");
    let tuple = |user: &str| json!({"user": user, "relation": "owner", "object": "document:new"});
    fs::write(
        &wrong,
        json!([tuple("user:ada"), tuple("folder:x")]).to_string(),
    )
    .unwrap();
    let (code, output, error) = served.run(&["import", wrong.to_str().unwrap()]);
    assert_eq!((code, output.as_str()), (1, "1 written, 1 refused\n"));
    assert!(error.contains("folder:x owner document:new"), "{error}");
}

#[test]
fn a_server_that_does_not_know_us_is_trouble_not_a_no() {
    let served = Served::start();
    let server = format!("http://{}", served.address);
    let check = [
        "check",
        "user:ben",
        "can_edit",
        "conversation:quarter",
        "--server",
        &server,
    ];
    let own = [
        "--store-id",
        &served.store,
        "--token",
        "another-key-of-tests",
    ];
    let (code, _, error) = run(&[&check[..], &own[..]].concat());
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("unauthenticated"), "{error}");
    let (code, _, error) = run(&["check", "user:ben", "can_edit", "conversation:quarter"]);
    assert_eq!(code, 2, "{error}");
}

#[test]
fn a_server_goes_on_after_it_was_killed() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (place, copy, restored) = (path("stores"), path("copy.db"), path("restored"));
    let mut served = Served::over(&place).with_store();
    let (code, output, error) = served.run(&["import", &example("tuples.csv")]);
    assert_eq!(code, 0, "{output}{error}");
    let check = ["check", "user:ben", "can_edit", "conversation:quarter"];
    assert_eq!(served.run(&check).0, 0);
    // While the server runs; and nothing takes the place of a file.
    assert_eq!(run(&["backup", "--store", &place, "--to", &copy]).0, 0);
    assert_eq!(run(&["backup", "--store", &place, "--to", &copy]).0, 2);
    let (code, _, error) = run(&["serve", "--listen", "127.0.0.1:0", "--store", &place]);
    assert_eq!((code, error.contains("in use")), (2, true), "{error}");
    let store = served.store.clone();
    served.process.kill();

    let mut again = Served::over(&place);
    again.store = store.clone();
    assert_eq!(again.run(&check).0, 0);
    let (code, output, error) = again.run(&["delete", "--user", "user:ben"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        output.ends_with(" deleted\n") && output != "0 deleted\n",
        "{output}"
    );
    assert_eq!(again.run(&check).0, 1);
    assert_eq!(again.run(&["delete"]).0, 2);
    again.process.kill();

    assert_eq!(run(&["restore", "--from", &copy, "--store", &place]).0, 2);
    let (code, _, error) = run(&["restore", "--from", &copy, "--store", &restored]);
    assert_eq!(code, 0, "{error}");
    let mut earlier = Served::over(&restored);
    earlier.store = store;
    assert_eq!(earlier.run(&check).0, 0);
}

#[test]
fn a_relation_is_replaced() {
    let served = Served::start();
    let tuples = "- {user: user:ada, relation: owner, object: document:d}\n\
                  - {user: user:ben, relation: owner, object: document:d}\n";
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tuples.yaml");
    fs::write(&path, tuples).unwrap();
    served.run(&["import", path.to_str().unwrap()]);
    let replace = ["replace", "document:d", "owner"];
    let (code, output, error) = served.run(&[&replace[..], &["user:ben", "user:eve"]].concat());
    assert_eq!(
        (code, output.as_str()),
        (0, "1 written, 1 deleted\n"),
        "{error}"
    );
    assert_eq!(
        served.run(&replace).0,
        2,
        "whom it is given to must be said"
    );
    let (_, output, _) = served.run(&[&replace[..], &["--nobody"]].concat());
    assert_eq!(output, "0 written, 2 deleted\n");
}

#[test]
fn places_that_cannot_be_used_are_told() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let start = ["serve", "--listen", "127.0.0.1:0"];
    let with = |more: &[&str]| run(&[&start[..], more].concat());
    let (code, _, error) = with(&["--store", file.to_str().unwrap()]);
    assert_eq!((code, error.contains("file")), (2, true), "{error}");
    let (code, _, error) = with(&["--expire-by", "expires_at"]);
    assert_eq!((code, error.contains("--store DIR")), (2, true), "{error}");
    let mut command = ztag(&start);
    let output = command.env("ZTAG_FGA_KEY", "short").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
