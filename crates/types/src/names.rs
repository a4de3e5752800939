//! Names of endpoints and rules, cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::value::Key;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(Arc::from(name))
            }
        }

        impl From<&$name> for Key {
            fn from(name: &$name) -> Self {
                Self::String(Arc::clone(&name.0))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of an endpoint: a key of `endpoints`.
    EndpointName
}
name! {
    /// Name of a rule: a key of `rules`.
    RuleName
}
