//! The signature suite of Project Wycheproof, judged line by line through the same door as
//! `ztag jws verify --jsonl`.
#![cfg(test)]

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

fn check(file: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/jose");
    let Ok(text) = fs::read_to_string(folder.join(file)) else {
        eprintln!("skipped: the suite's `{file}` is not beside this repository");
        return;
    };
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut deviations = Vec::new();
    for case in &cases {
        let result = ztag_token::case::evaluate_case(&case.to_string());
        let result: Json = serde_json::from_str(&result).unwrap();
        assert_eq!(result["id"], case["id"]);
        let judged = if result["accept"] == true {
            "accept"
        } else {
            "reject"
        };
        if case["gateway"] != "either" && case["gateway"] != judged {
            deviations.push(format!("{} {}: {result}", case["id"], case["comment"]));
        }
    }
    assert!(deviations.is_empty(), "{}", deviations.join("\n"));
    println!("{file}: {} cases", cases.len());
}

#[test]
fn signatures() {
    check("jws.json");
}

#[test]
fn keys() {
    check("jwk.json");
}
