//! The key tables of `design/config.md`, which the JSON Schema is turned into.

mod schema;

use std::fmt::Write;

use ztag_config::DocumentSpec;
use ztag_test_support::Failure;

use self::schema::{Key, keys};
use crate::config_schema::schema_of;
use crate::page::Page;

#[test]
fn every_key_is_explained() -> Result<(), Failure> {
    let schema = schema_of::<DocumentSpec>();
    let keys = keys(&schema)?;
    let mut text = String::new();
    for section in [
        "server",
        "endpoints.<name>",
        "rules.<name>",
        "issuers.<name>",
        "introspection.<name>",
        "routes.<name>",
        "upstreams.<name>",
        "fgaStores.<name>",
        "guardrails.<name>",
    ] {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n### `{section}`\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
        );
        let below = format!("{section}.");
        for key in &keys {
            if let Some(name) = key.path.strip_prefix(&below) {
                text.push_str(&row(name, key));
            }
        }
    }
    Page::open("config.md")?.expect_generated("keys", &text)
}

fn row(name: &str, key: &Key) -> String {
    let default = key.default.as_deref().map(|text| format!("`{text}`"));
    let cells = [
        format!("`{name}`"),
        key.kind.clone(),
        default.unwrap_or_default(),
        key.meaning.clone(),
    ];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}
