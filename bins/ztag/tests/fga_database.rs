//! Several `ztag fga serve` on one database.
#![cfg(test)]

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use ztag_test_support::{Postgres, Process, Request, Response, send};

/// How long to wait for what happens by itself. Far more than it takes.
const PATIENCE: Duration = Duration::from_mins(1);

const MODEL: &str = r#"{"schema_version": "1.1", "type_definitions": [{"type": "user"}, {"type": "doc",
    "relations": {"viewer": {"this": {}}}, "metadata": {"relations": {"viewer":
    {"directly_related_user_types": [{"type": "user"}]}}}}]}"#;

struct Server {
    _process: Process,
    address: SocketAddr,
}

impl Server {
    fn start(postgres: &Postgres) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ztag"));
        command
            .args(["fga", "serve", "--listen", "127.0.0.1:0"])
            .env_remove("ZTAG_FGA_KEY")
            .env("ZTAG_FGA_STORE", postgres.url());
        let process = Process::start("ztag", command).unwrap();
        let line = process.wait_for_line(|line| line.contains(r#""msg":"listening""#));
        let line: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self {
            _process: process,
            address,
        }
    }

    fn send(&self, method: &str, path: &str, headers: &[String], body: &str) -> Response {
        let mut request = Request::new(method, path).header("Host: localhost");
        for line in headers {
            request = request.header(line.as_str());
        }
        send(self.address, &request.body(body)).unwrap()
    }

    fn call(&self, method: &str, path: &str, body: &Json) -> Response {
        self.send(method, path, &[], &body.to_string())
    }

    fn edit(&self, store: &str, what: &str, user: &str) -> Response {
        let key = json!({"user": format!("user:{user}"), "relation": "viewer", "object": "doc:1"});
        let body = json!({ what: { "tuple_keys": [key] } });
        self.call("POST", &format!("{store}/write"), &body)
    }

    /// What a check answers; `None` where it does not.
    fn check(&self, store: &str, user: &str, more: &Json, headers: &[String]) -> Option<bool> {
        let key = json!({"user": format!("user:{user}"), "relation": "viewer", "object": "doc:1"});
        let mut body = json!({ "tuple_key": key });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let path = format!("{store}/check");
        let answer = self.send("POST", &path, headers, &body.to_string());
        let text = answer.text();
        assert!(
            matches!(answer.status, 200 | 503),
            "{}: {text}",
            answer.status
        );
        json(&answer)["allowed"].as_bool()
    }
}

fn json(response: &Response) -> Json {
    serde_json::from_str(&response.text()).unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} never came");
        thread::park_timeout(Duration::from_millis(2));
    }
}

fn higher() -> Json {
    json!({"consistency": "HIGHER_CONSISTENCY"})
}

#[test]
fn attack_42_a_revoke_by_one_counts_at_the_other() {
    let mut postgres = Postgres::start().unwrap();
    let servers = [Server::start(&postgres), Server::start(&postgres)];
    let [one, other] = &servers;

    // Each call goes to another server, as a balancer sends them.
    let made = one.call("POST", "/stores", &json!({"name": "documents"}));
    let store = format!("/stores/{}", json(&made)["id"].as_str().unwrap());
    let path = format!("{store}/authorization-models");
    let model = other.send("POST", &path, &[], MODEL);
    assert_eq!(model.status, 201, "{}", model.text());
    let model = json(&model)["authorization_model_id"].clone();
    let named = json!({"authorization_model_id": model});
    assert_eq!(one.check(&store, "eve", &named, &[]), Some(false));

    for _ in 0..20 {
        let granted = one.edit(&store, "writes", "eve");
        assert_eq!(granted.status, 200, "{}", granted.text());
        assert_eq!(other.check(&store, "eve", &higher(), &[]), Some(true));
        let revoked = one.edit(&store, "deletes", "eve");
        let revision = revoked.headers.value("ztag-revision").unwrap();
        let least = [format!("Ztag-Min-Revision: {revision}")];
        assert_eq!(other.check(&store, "eve", &json!({}), &least), Some(false));
    }
    other.edit(&store, "writes", "eve");
    until("the grant", || {
        one.check(&store, "eve", &json!({}), &[]) == Some(true)
    });
    other.edit(&store, "deletes", "eve");
    until("the revoke", || {
        one.check(&store, "eve", &json!({}), &[]) == Some(false)
    });

    written_by_both(&servers, &store);
    without_the_database(&servers, &store, &mut postgres);
}

/// Whatever both write at once is there once, and everybody knows what was there before.
fn written_by_both(servers: &[Server; 2], store: &str) {
    const USERS: usize = 60;
    let accepted: usize = thread::scope(|scope| {
        let writers = servers.iter().map(|server| {
            scope.spawn(move || {
                let written =
                    (0..USERS).map(|user| server.edit(store, "writes", &user.to_string()));
                let statuses: Vec<_> = written.map(|answer| answer.status).collect();
                assert!(statuses.iter().all(|status| [200, 400].contains(status)));
                statuses.iter().filter(|status| **status == 200).count()
            })
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().map(|own| own.join().unwrap()).sum()
    });
    assert_eq!(accepted, USERS, "of two who write a tuple, one does");
    for server in servers {
        assert_eq!(server.check(store, "0", &higher(), &[]), Some(true));
        let path = format!("{store}/changes?page_size=100");
        let changes = json(&server.call("GET", &path, &json!({})));
        assert!(changes["changes"].as_array().unwrap().len() >= USERS);
        let read = json(&server.call("POST", &format!("{store}/read"), &json!({"page_size": 100})));
        assert_eq!(read["tuples"].as_array().unwrap().len(), USERS);
    }
}

/// Checks go on, writes do not, and nobody is told that something is the latest.
fn without_the_database(servers: &[Server; 2], store: &str, postgres: &mut Postgres) {
    postgres.kill();
    for server in servers {
        assert_eq!(server.check(store, "0", &json!({}), &[]), Some(true));
        assert_eq!(server.check(store, "0", &higher(), &[]), None);
        let refused = server.edit(store, "writes", "late");
        assert_eq!(refused.status, 503, "{}", refused.text());
        let health = json(&server.call("GET", "/healthz", &json!({})));
        let expected = json!({"status": "SERVING", "writes": "UNAVAILABLE"});
        assert_eq!(health, expected);
    }
    postgres.resume().unwrap();
    let [one, other] = servers;
    until("the database", || {
        one.edit(store, "writes", "late").status != 503
    });
    until("the other one", || {
        other.check(store, "late", &json!({}), &[]) == Some(true)
    });
    for server in servers {
        until("health", || {
            json(&server.call("GET", "/healthz", &json!({}))) == json!({"status": "SERVING"})
        });
    }
}

#[test]
fn attack_56_a_password_is_never_told() {
    let refused = [
        (
            "serve",
            "postgres://ztag:hunter2@127.0.0.1/x?sslmode=prefer",
        ),
        ("serve", "postgres://ztag:hunter2@127.0.0.1:1/"),
        ("backup", "postgres://ztag:hunter2@127.0.0.1/x"),
    ];
    for (verb, store) in refused {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ztag"));
        command.args(["fga", verb, "--store", store]);
        if verb == "backup" {
            command.args(["--to", "/nowhere/copy.db"]);
        }
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert!(verb != "backup" || told.contains("pg_dump"), "{told}");
    }
}
