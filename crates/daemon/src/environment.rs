//! The one place that reads the environment of the process.

use std::env;

use ztag_config::Sources;

use crate::command::Source;

/// The file named, and all environment variables that are text.
pub(crate) fn sources(source: Source) -> Sources {
    let variables = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    // It names the file; it is no key of the configuration.
    let variables = variables.filter(|(name, _)| name != "ZTAG_CONFIG");
    Sources {
        file: source.config,
        ..Sources::default()
    }
    .with_environment(variables)
}
