//! The JSON Schemas that the programs carry, which the types of the configuration are turned into.

use std::fs;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;
use ztag_config::{DocumentSpec, RulesDocumentSpec};
use ztag_test_support::{Failure, workspace};

use crate::page::{deviation, is_blessing};

/// Where they stand.
const FOLDER: &str = "crates/config/schema";

/// What the types say, whatever the files do: pages made from it are then never a step behind.
pub(crate) fn schema_of<T: JsonSchema>() -> Json {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

#[test]
fn the_schemas_are_what_the_types_say() -> Result<(), Failure> {
    expect_file("document.json", &schema_of::<DocumentSpec>())?;
    expect_file("rules.json", &schema_of::<RulesDocumentSpec>())
}

/// Fails unless the file holds `schema` as the verb `schema` prints it; writes it there when asked to.
fn expect_file(name: &str, schema: &Json) -> Result<(), Failure> {
    let name = format!("{FOLDER}/{name}");
    let path = workspace().join(&name);
    let written = fs::read_to_string(&path).unwrap_or_default();
    let expected = format!("{schema:#}\n");
    if written == expected {
        return Ok(());
    }
    if is_blessing() {
        return Ok(fs::write(path, expected)?);
    }
    Err(deviation(&name, &written, &expected))
}
