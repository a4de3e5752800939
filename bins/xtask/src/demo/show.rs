//! What the demonstration prints.

use ztag_test_support::{Failure, Request};

use super::stage::Stage;

/// A request: method, target, header lines, and what stands in the table for these.
type Scene = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const ALICE: &str = "Authorization: Bearer t-alice";
const ROOT: &str = "Authorization: Bearer t-root";

const SCENES: [Scene; 9] = [
    ("GET", "/orders/7", &[ALICE], "alice's token"),
    ("GET", "/orders/7", &[], "no credential"),
    (
        "GET",
        "/orders/7",
        &["Authorization: Bearer t-eve"],
        "unknown token",
    ),
    ("GET", "/admin/users", &[ALICE], "alice's token"),
    ("GET", "/admin/users", &[ROOT], "root's token"),
    (
        "DELETE",
        "/orders/7",
        &[ALICE, "X-Forwarded-Method: GET"],
        "alice, claims GET",
    ),
    ("GET", "/public/..;/admin", &[ALICE], "alice, odd path"),
    ("GET", "/web/inbox", &[], "no session"),
    (
        "GET",
        "/web/inbox",
        &["Cookie: session=s-carol"],
        "carol's session",
    ),
];

const TITLES: [&str; 6] = ["proxy", "request", "shows", "status", "outcome", "why"];

/// Sends every scene through every proxy and prints what became of it.
pub(super) fn table(stages: &[Stage]) -> Result<(), Failure> {
    let mut rows = vec![TITLES.map(str::to_owned)];
    for stage in stages {
        for (index, (method, target, lines, shows)) in SCENES.iter().enumerate() {
            let mut request = Request::new(method, *target);
            for line in *lines {
                request = request.header(*line);
            }
            let id = format!("demo-{}-{index}", stage.kind.name());
            let answer = stage.ask(request, &id)?;
            rows.push([
                stage.kind.name().to_owned(),
                format!("{method} {target}"),
                (*shows).to_owned(),
                answer.status.to_string(),
                answer.outcome,
                answer.why,
            ]);
        }
    }
    print(&rows);
    Ok(())
}

/// Says what to try while everything is up.
pub(super) fn invitation(stages: &[Stage]) {
    println!("\nTry it:");
    for stage in stages {
        let (name, address) = (stage.kind.name(), stage.proxy.address);
        println!("\n  {name}");
        println!("    curl -i -H '{ALICE}' http://{address}/orders/7");
        println!("    curl -i -H '{ALICE}' http://{address}/admin/users");
        println!("    curl -i http://{address}/web/inbox");
        println!("    rules, watched: {}", stage.rules.display());
        println!(
            "    the compiled policy: http://127.0.0.1:{}/explain",
            stage.admin_port
        );
    }
    println!("\nCtrl-C ends everything.");
}

fn print(rows: &[[String; 6]]) {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    }
}
