//! What a configuration defines by name, for those who name it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;

/// Definitions by name. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Directory<T>(Arc<BTreeMap<String, Option<T>>>);

/// Why a name leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// There is nothing of this name; perhaps this one was meant.
    Unknown(Option<String>),
    /// It is broken.
    Broken,
}

impl<T> Directory<T> {
    /// These definitions; those that are broken without a value.
    pub fn new(definitions: BTreeMap<String, Option<T>>) -> Self {
        Self(Arc::new(definitions))
    }

    /// The definition of this name.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, name: &str) -> Result<&T, Absent> {
        match self.0.get(name) {
            Some(Some(found)) => Ok(found),
            Some(None) => Err(Absent::Broken),
            None => {
                let names = self.0.keys().map(String::as_str);
                let near = Diagnostic::nearest(name, names);
                Err(Absent::Unknown(near.map(str::to_owned)))
            }
        }
    }
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_what_is_sound_and_say_why_not() {
        let named = [("chat", Some(1)), ("tools", None)];
        let named = named.map(|(name, value)| (name.to_owned(), value));
        let directory = Directory::new(BTreeMap::from(named));
        assert_eq!(directory.find("chat"), Ok(&1));
        assert_eq!(directory.find("tools"), Err(Absent::Broken));
        let near = Absent::Unknown(Some("chat".to_owned()));
        assert_eq!(directory.find("chta"), Err(near));
        assert_eq!(directory.find("x"), Err(Absent::Unknown(None)));
    }
}
