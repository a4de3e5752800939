//! Spellings of older generations and of documentation that never worked, with their successors.

/// What to write instead of `key`, a key that does not exist.
pub(crate) fn successor(key: &str) -> Option<&'static str> {
    Some(match key {
        "whenAll" | "passWhen" => "write it as `conditions.pass`",
        "failWhen" => "write it as `conditions.fail`",
        "errorWhen" => "write it as `conditions.error`",
        "passTTL" | "passTtl" => "write it as `cache.ttl.pass`",
        "failTTL" | "failTtl" => "write it as `cache.ttl.fail`",
        "errorTTL" | "errorTtl" => "remove it: an error is never remembered",
        "templatesAllowEnv" | "templatesAllowedEnv" | "allowEnv" => {
            "remove it: templates read `variables.environment`, filled by `server.variables.environment`"
        }
        "vars" => "write it as `variables`",
        "raw" => "remove it: expressions read `backend.bodyText`",
        "forwardHeaders" => "write it as `forwardProxyHeaders`",
        _ => return None,
    })
}

/// What to write instead of an environment variable of the ancestor.
pub(crate) fn variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("PASSCTRL_")?;
    Some(format!("write it as `ZTAG_{rest}`"))
}
