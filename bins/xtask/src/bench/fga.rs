//! The FGA engine: alone in one process, then as a server beside `SpiceDB`, then under load.

mod rate;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ztag_test_support::{Failure, Process, free_port, locate, workspace};

use crate::command::{cargo, execute};
use crate::setup;

/// Tuples of the worlds that the engine alone is asked about. The larger one takes 1.3 GB.
const ALONE: [&str; 2] = ["1000000", "10000000"];
/// Tuples of the worlds that servers are asked about: `SpiceDB` keeps a million in memory only slowly.
const TUPLES: &str = "20000";
/// Seconds of each measurement.
const SECONDS: &str = "5";

/// Runs all of it and shows what it says. Without `SpiceDB`, ours is measured alone.
pub(super) fn run(built: bool, quick: bool) -> Result<(), Failure> {
    let bench = ["bench", "--package", "ztag-benches", "--bench", "fga"];
    if !quick {
        for tuples in ALONE {
            execute(cargo(&bench).env("ZTAG_FGA_TUPLES", tuples))?;
        }
    }
    if !built {
        execute(&mut cargo(&["build", "--release", "--package", "ztag"]))?;
    }
    let spicedb = setup::install_spicedb();
    if let Err(failure) = &spicedb {
        println!("skipped: SpiceDB cannot be installed here: {failure}");
    }
    let folder = tempfile::tempdir()?;
    let mut export = cargo(&bench);
    export.args(["--", "--export"]).arg(folder.path());
    execute(export.env("ZTAG_FGA_TUPLES", TUPLES))?;
    let ztag = workspace().join("target/release/ztag");
    let model = Command::new(&ztag)
        .args(["fga", "model", "transform", "--to", "json"])
        .arg(folder.path().join("model.fga"))
        .output()?;
    std::fs::write(folder.path().join("model.json"), model.stdout)?;
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let mut serve = Command::new(&ztag);
    serve.args(["fga", "serve", "--listen", &address.to_string()]);
    let mut server = Process::start("ztag fga serve", serve)?;
    server.wait_until_listening(address)?;
    let modules = spicedb.ok();
    ask(folder.path(), address, modules.as_deref(), quick)?;
    rate::judge(folder.path(), address, quick)
}

fn ask(
    folder: &Path,
    address: SocketAddr,
    modules: Option<&Path>,
    quick: bool,
) -> Result<(), Failure> {
    let mut node = Command::new(locate("node")?);
    node.arg(workspace().join("benches/fga/side_by_side.mjs"))
        .arg(folder)
        .arg(address.to_string())
        .arg(modules.unwrap_or(Path::new("")))
        .arg(if quick { "1" } else { SECONDS });
    execute(&mut node)
}
