//! Thousands of open connections keep asking while the rules change under them: no request is
//! lost, and none is decided partly by one plan and partly by the next.

#![cfg(test)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use ztag_test_support::{ForwardAuth, free_port};

/// Connections held at the same time.
const CONNECTIONS: u64 = 10_000;
/// Files that this process opens beside them.
const OTHER_FILES: u64 = 500;
/// How often the rules are written anew.
const VERSIONS: u32 = 10;
/// Requests under way at the same time.
const AT_ONCE: usize = 100;
/// A guard against a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests after which a new version must have come into force: far more than a reload takes.
const SOON: usize = 1_000_000;

const REQUEST: &[u8] = b"GET /api/auth HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

#[test]
fn no_request_is_lost_or_decided_by_two_plans_while_rules_reload() {
    let folder = tempfile::tempdir().unwrap();
    let (config, rules) = (
        folder.path().join("config.yaml"),
        folder.path().join("rules.yaml"),
    );
    let port = free_port().unwrap();
    let main = format!(
        "server:\n  \
           listen: {{address: 127.0.0.1, port: {port}}}\n  \
           admin: {{enabled: false}}\n  \
           limits: {{maxConnections: 40000}}\n  \
           rules: {{rulesFile: rules.yaml}}\n"
    );
    fs::write(&config, main).unwrap();
    write_version(&rules, 0);
    let connections = affordable_connections();
    let server = ForwardAuth::start(&config, port, &[]).unwrap();
    let mut crowd = Crowd::connect(server.address, connections);
    crowd.ask_all(0);
    for version in 1..=VERSIONS {
        write_version(&rules, version);
        // While the server notices, reads, compiles and swaps, they keep asking.
        crowd.ask_until_answered_by(version);
    }
    // Every connection is still there and answered by the last plan.
    let oldest = crowd.ask_all(VERSIONS);
    assert_eq!(oldest, VERSIONS);
    println!(
        "{connections} connections, {VERSIONS} reloads, {} requests",
        crowd.answered
    );
}

/// Raises the limit of open files, which the server inherits, as far as this process may.
fn affordable_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    let connections = CONNECTIONS.min(allowed.saturating_sub(OTHER_FILES));
    if connections < CONNECTIONS {
        println!("only {connections} connections: the limit of open files is {allowed}");
    }
    usize::try_from(connections).unwrap()
}

/// Two rules and the reply stamp the version, each in its own way.
fn write_version(rules: &Path, version: u32) {
    let text = format!(
        "
endpoints:
  api:
    authentication: {{required: false, allow: {{none: true}}}}
    rules: [{{name: first}}, {{name: second}}]
    responsePolicy:
      pass:
        headers:
          x-a: \"{{{{ response.first }}}}\"
          x-b: \"{{{{ response.second }}}}\"
          x-c: \"{version}\"
rules:
  first:
    responses: {{pass: {{variables: {{first: '\"{version}\"'}}}}}}
  second:
    conditions: {{pass: [variables.rule.first.first == \"{version}\"]}}
    responses: {{pass: {{variables: {{second: '\"{version}\"'}}}}}}
"
    );
    // Whoever reads meanwhile finds the old file or the new one, never a part.
    let fresh = rules.with_extension("new");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, rules).unwrap();
}

/// Open connections, each with the version that answered it last.
struct Crowd {
    members: Vec<(TcpStream, u32)>,
    next: usize,
    answered: usize,
}

impl Crowd {
    fn connect(address: SocketAddr, count: usize) -> Self {
        let member = |_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            (stream, 0)
        };
        Self {
            members: (0..count).map(member).collect(),
            next: 0,
            answered: 0,
        }
    }

    /// Lets everybody ask once; returns the oldest version that answered.
    fn ask_all(&mut self, newest: u32) -> u32 {
        let count = self.members.len();
        let mut oldest = newest;
        for _ in 0..count.div_ceil(AT_ONCE) {
            oldest = oldest.min(*self.ask_some(newest).start());
        }
        oldest
    }

    fn ask_until_answered_by(&mut self, version: u32) {
        let begun = self.answered;
        while *self.ask_some(version).end() < version {
            let asked = self.answered - begun;
            assert!(asked < SOON, "version {version} never came into force");
        }
    }

    /// Lets the next ones ask at the same time; returns the versions that answered, from the
    /// oldest to the newest.
    fn ask_some(&mut self, newest: u32) -> std::ops::RangeInclusive<u32> {
        let end = (self.next + AT_ONCE).min(self.members.len());
        let some = &mut self.members[self.next..end];
        for (stream, _) in &mut *some {
            stream.write_all(REQUEST).unwrap();
        }
        let (mut first, mut last) = (newest, 0);
        for (stream, seen) in &mut *some {
            let version = stamped(&read_reply(stream));
            assert!(version >= *seen, "{version} after {seen}: a plan came back");
            assert!(version <= newest, "{version} is not written yet");
            *seen = version;
            (first, last) = (first.min(version), last.max(version));
        }
        self.answered += some.len();
        self.next = if end == self.members.len() { 0 } else { end };
        first..=last
    }
}

/// The head of a reply; ours have no body.
fn read_reply(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut buffer = [0; 1_024];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the connection was closed: a request is lost");
        head.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(head).unwrap()
}

/// The version that decided, which must be the same everywhere.
fn stamped(reply: &str) -> u32 {
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    let value = |name: &str| {
        let line = reply.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(':').trim())
    };
    let (a, b, c) = (value("x-a"), value("x-b"), value("x-c"));
    assert!(a == b && b == c, "a mix of two plans: {reply}");
    a.unwrap().parse().unwrap()
}
