//! Configuration as written: `server.logging`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ztag_types::{Code, ConfigPath, Diagnostic};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoggingSpec {
    /// Least severity that is logged. Decisions are logged at `info`, their stages and rules at `debug`.
    pub level: LogLevel,
    /// How lines are written to standard output.
    pub format: LogFormat,
    /// Header that carries the correlation id in and out; empty for none.
    #[schemars(regex(pattern = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"))]
    pub correlation_header: String,
}

impl Default for LoggingSpec {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Json,
            correlation_header: "X-Request-ID".to_owned(),
        }
    }
}

/// Checks `server.logging`.
pub fn check_logging(spec: &LoggingSpec, at: &ConfigPath) -> Vec<Diagnostic> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if spec.correlation_header.bytes().all(is_token) {
        return Vec::new();
    }
    let message = format!("`{}` is not a header name", spec.correlation_header);
    let at = at.key("correlationHeader");
    vec![Diagnostic::error(Code::InvalidName, &at, message)]
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The spelling in configuration and logs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                $(if text.eq_ignore_ascii_case($word) {
                    return Ok(Self::$variant);
                })*
                Err(serde::de::Error::unknown_variant(&text, &[$($word),*]))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": "Letter case does not matter.",
                    "examples": [$($word),*],
                })
            }
        }
    };
}

words! {
    /// Severity, the most severe first. Letter case does not matter.
    LogLevel, "^([Ee][Rr][Rr][Oo][Rr]|[Ww][Aa][Rr][Nn]|[Ii][Nn][Ff][Oo]|[Dd][Ee][Bb][Uu][Gg])$",
    /// Something that an operator must mend.
    Error = "error",
    /// Something that an operator should look at.
    Warn = "warn",
    /// Decisions, reloads, start and end.
    Info = "info",
    /// Stages, rules and backend calls of each decision.
    Debug = "debug",
}

words! {
    /// How lines are written. Letter case does not matter.
    LogFormat, "^([Jj][Ss][Oo][Nn]|[Tt][Ee][Xx][Tt])$",
    /// One JSON object a line.
    Json = "json",
    /// `key=value` pairs, values quoted where they need it.
    Text = "text",
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn letter_case_of_words_does_not_matter() {
        let spec: LoggingSpec =
            serde_json::from_value(json!({"level": "DEBUG", "format": "Text"})).unwrap();
        assert_eq!(
            (spec.level, spec.format),
            (LogLevel::Debug, LogFormat::Text)
        );
        assert!(serde_json::from_value::<LoggingSpec>(json!({"level": "loud"})).is_err());
        assert!(serde_json::from_value::<LoggingSpec>(json!({"levle": "info"})).is_err());
    }

    #[test]
    fn the_correlation_header_is_a_header_name_or_empty() {
        let check = |name: &str| {
            let spec = LoggingSpec {
                correlation_header: name.to_owned(),
                ..LoggingSpec::default()
            };
            check_logging(&spec, &ConfigPath::root()).is_empty()
        };
        assert!(check("X-Request-ID") && check(""));
        assert!(!check("X Request") && !check("x:y") && !check("x\r\ny") && !check("é"));
    }
}
