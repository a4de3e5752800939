//! `ztag fga serve` behind TLS and with other semantics, and what it tells of itself.
#![cfg(test)]

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};

use serde_json::Value as Json;
use tempfile::TempDir;
use ztag_test_support::{Authority, Connection, Process, Request, Response};

/// One of two parents lacks the relation: it has no weight.
const WEIGHTLESS: &str = "model
  schema 1.1
type user
type team
type folder
  relations
    define viewer: [user]
type doc
  relations
    define parent: [folder, team]
    define viewer: viewer from parent
";

fn ztag(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ztag"));
    command
        .arg("fga")
        .args(arguments)
        .env_remove("ZTAG_FGA_KEY");
    command
}

/// A server, and where it listens.
fn serve(arguments: &[&str]) -> (Process, SocketAddr) {
    let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
    let process = Process::start("ztag", ztag(&arguments)).unwrap();
    let line = process.wait_for_line(|line| line.contains(r#""msg":"listening""#));
    let line: Json = serde_json::from_str(&line.unwrap()).unwrap();
    let address = line["address"].as_str().unwrap().parse().unwrap();
    (process, address)
}

fn ask(connection: &mut Connection, method: &str, path: &str, body: &str) -> Response {
    let request = Request::new(method, path)
        .header("Host: localhost")
        .body(body);
    connection.write(&request.encode()).unwrap();
    connection.reply(method).unwrap()
}

#[test]
fn tls_serves_those_who_trust_its_certificate() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new().unwrap();
    let certificate = authority
        .issue(folder.path(), "server", &["localhost"])
        .unwrap();
    let [cert, key] =
        [&certificate.certificate, &certificate.key].map(|path| path.to_str().unwrap());
    let (_process, address) = serve(&["--tls-cert", cert, "--tls-key", key]);

    let client = authority.client("localhost", &["http/1.1"], None).unwrap();
    let mut connection = Connection::open_tls(address, &client, b"").unwrap();
    assert_eq!(ask(&mut connection, "GET", "/healthz", "").status, 200);
    let stranger = Authority::new()
        .unwrap()
        .client("localhost", &["http/1.1"], None)
        .unwrap();
    let opened = Connection::open_tls(address, &stranger, b"");
    assert!(opened.is_err() || opened.unwrap().line().is_err());
}

#[test]
fn tls_needs_both_files_and_good_ones() {
    let folder = TempDir::new().unwrap();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    for (arguments, said) in [
        (vec!["--tls-cert", empty], "--tls-key"),
        (
            vec!["--tls-cert", empty, "--tls-key", "/nowhere/key.pem"],
            "/nowhere/key.pem",
        ),
        (vec!["--tls-cert", empty, "--tls-key", empty], "empty.pem"),
    ] {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], &*arguments].concat();
        let Output { status, stderr, .. } = ztag(&arguments).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(
            !status.success() && stderr.contains(said),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn semantics_decide_which_models_are_good() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("model.fga");
    fs::write(&file, WEIGHTLESS).unwrap();
    let file = file.to_str().unwrap();
    for (semantics, good) in [("v1", true), ("weighted", false)] {
        let validate = ztag(&["model", "validate", file, "--semantics", semantics]).output();
        assert_eq!(validate.unwrap().status.success(), good, "{semantics}");

        let model = ztag(&["model", "transform", file, "--to", "json"])
            .output()
            .unwrap();
        let model = String::from_utf8(model.stdout).unwrap();
        let (_process, address) = serve(&["--semantics", semantics]);
        let mut connection = Connection::open(address).unwrap();
        let store = ask(&mut connection, "POST", "/stores", r#"{"name": "a test"}"#);
        let store: serde_json::Value = serde_json::from_slice(&store.body).unwrap();
        let path = format!(
            "/stores/{}/authorization-models",
            store["id"].as_str().unwrap()
        );
        let written = ask(&mut connection, "POST", &path, &model);
        assert_eq!(
            written.status,
            if good { 201 } else { 400 },
            "{}",
            written.text()
        );
    }
}

#[test]
fn a_server_tells_what_it_is_asked() {
    let (_process, address) = serve(&[]);
    let mut connection = Connection::open(address).unwrap();
    let told = ask(&mut connection, "GET", "/metrics", "");
    assert_eq!(told.status, 200);
    assert!(
        told.text().contains("fga_checks_per_second 0"),
        "{}",
        told.text()
    );
    let told = ask(&mut connection, "GET", "/api/v1/fga/metrics", "");
    let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(told["store_count"], 0);
}
