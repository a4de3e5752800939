//! The official SDKs, unchanged, against the API with a preshared key.

use ztag_fga::Limits;
use ztag_test_support::{Failure, run_node_sdk, run_python_sdk};

use crate::access::access;
use crate::world::World;
use serde_json::json;

const KEY: &str = "the-key-of-the-sdks";

fn world() -> World {
    let spec = json!({"keys": [{"key": KEY}]});
    World::new(Limits::default(), access(&spec).unwrap())
}

#[test]
fn the_node_sdk_runs_a_scenario() -> Result<(), Failure> {
    let world = world();
    run_node_sdk(&format!("http://{}", world.address()), KEY)
}

#[test]
fn the_python_sdk_runs_a_scenario() -> Result<(), Failure> {
    let world = world();
    run_python_sdk(&format!("http://{}", world.address()), KEY)
}
