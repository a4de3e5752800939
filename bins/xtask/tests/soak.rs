//! The soak in brief: nothing is wrong or lost while everything changes.

use std::process::Command;

#[test]
fn a_brief_soak_finds_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["soak", "--quick"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    assert!(shown.contains("6000 requests, 0 wrong, 0 lost"), "{shown}");
}
