//! A request described in a file, for a dry run.

use ztag_pipeline::RequestSpec;

/// Reads the description of a request: YAML, or JSON, which is YAML, too.
///
/// # Errors
/// What is wrong with it, with line and column.
pub fn describe_request(text: &str) -> Result<RequestSpec, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
