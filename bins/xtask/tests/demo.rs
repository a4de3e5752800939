//! The demonstration tells what happened, for every door and every request.

use std::process::Command;

/// Request, what it shows, status, outcome.
type Row = (&'static str, &'static str, &'static str, &'static str);

const GATEWAY: [Row; 6] = [
    ("GET /orders/7", "reader's token", "200", "pass"),
    ("POST /orders", "reader's token", "403", "fail"),
    ("GET /orders/7", "no token", "401", "fail"),
    ("GET /orders/7", "the same, 2 s later", "401", "fail"),
    ("GET /admin/users", "keeper's token", "200", "pass"),
    ("GET /health", "no token", "200", "pass"),
];

const PROXIES: [Row; 7] = [
    ("GET /orders/7", "alice's token", "200", "pass"),
    ("GET /orders/7", "no credential", "401", "fail"),
    ("GET /admin/users", "alice's token", "403", "fail"),
    ("GET /admin/users", "root's token", "200", "pass"),
    ("DELETE /orders/7", "alice, claims GET", "403", "fail"),
    ("GET /web/inbox", "no session", "302", "fail"),
    ("GET /web/inbox", "carol's session", "200", "pass"),
];

#[test]
fn demo_shows_what_was_decided_and_why() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--once"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    for row in GATEWAY {
        check(&shown, "gateway", row);
    }
    for row in PROXIES {
        check(&shown, "traefik", row);
        check(&shown, "nginx", row);
    }
    let spoofed = shown.lines().find(|line| line.contains("claims root"));
    let told = spoofed.is_some_and(|line| line.ends_with("told X-User: tester"));
    assert!(told, "{shown}");
}

fn check(shown: &str, door: &str, (request, credential, status, outcome): Row) {
    let row = shown.lines().find(|line| {
        let cells = [request, credential];
        line.starts_with(door) && cells.iter().all(|cell| line.contains(cell))
    });
    let row = row.unwrap_or_default();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert!(
        words.contains(&status) && words.contains(&outcome),
        "{door}, {request}, {credential}: `{row}`\n{shown}"
    );
}
