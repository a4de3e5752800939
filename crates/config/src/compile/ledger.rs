//! What compiling finds, in whose service.

use ztag_types::{ConfigPath, Diagnostic, Findings};

use crate::diagnose::{self, Judged};
use crate::kind::Kind;
use crate::load::{Definition, Loaded};
use crate::users::{Users, users_of};

/// Whether an error concerns everything, so that nothing may be published.
pub(super) fn is_fatal(diagnostic: &Diagnostic, loaded: &Loaded) -> bool {
    diagnostic.is_error() && diagnose::is_general(&diagnostic.path, loaded)
}

/// Diagnostics of compiling, each once, with those in whose service it was found.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    found: Vec<Judged>,
}

impl Ledger {
    /// Adds what was found for `users`.
    pub(super) fn add(&mut self, diagnostic: Diagnostic, users: Users) {
        match self
            .found
            .iter_mut()
            .find(|judged| judged.diagnostic == diagnostic)
        {
            Some(judged) => judged.users.extend(users),
            None => self.found.push(Judged { diagnostic, users }),
        }
    }

    /// Adds what was found for nobody in particular.
    pub(super) fn add_general(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic, Users::default());
    }

    /// Compiles a definition that several may name; what is wrong is told to all who do. `None`
    /// when it must not serve.
    pub(super) fn examine<S, T>(
        &mut self,
        (kind, name, definition): (Kind, &str, &Definition<S>),
        loaded: &Loaded,
        compile: impl FnOnce(&S, &ConfigPath, &mut Findings) -> Option<T>,
    ) -> Option<T> {
        let (spec, serves) = definition.read()?;
        let at = kind.path(name);
        let mut findings = Findings::new();
        let compiled = compile(spec, &at, &mut findings);
        let serves = serves && findings.errors() == 0;
        let users = users_of(&at, &loaded.tree);
        for diagnostic in findings.into_vec() {
            self.add(diagnostic, users.clone());
        }
        compiled.filter(|_| serves)
    }

    pub(super) fn is_broken(&self, loaded: &Loaded) -> bool {
        let mut found = self.found.iter();
        found.any(|judged| is_fatal(&judged.diagnostic, loaded))
    }

    pub(super) fn into_vec(self) -> Vec<Judged> {
        self.found
    }
}
