//! Who vouches for tokens: issuers, and those who are asked about opaque ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ztag_admission::TokenSources;
use ztag_backend::Client;
use ztag_fga_remote::{RemoteDeps, RemoteSpec, RemoteStore};
use ztag_token::client::{
    ClientIdentity, OutboundCredential, OutboundDeps, UpstreamCredentialSpec,
};
use ztag_token::{
    IntrospectionDeps, IntrospectionSpec, Introspector, Issuer, ProofVerifier, Verifier,
};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::ledger::Ledger;
use crate::canon::Canon;
use crate::kind::Kind;
use crate::load::{Definition, Loaded};
use crate::spec::ServerSpec;
use crate::stores::{Fingerprint, TokenPlaces};

/// The issuers of a configuration, and who judges their tokens.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    loaded: &'a Loaded,
    places: &'a TokenPlaces,
    client: &'a Arc<Client>,
    /// Who we are to authorization servers, where nothing else is said.
    pub(super) identity: Option<ClientIdentity>,
    /// The issuers that are sound.
    issuers: BTreeSet<&'a str>,
    introspectors: BTreeMap<&'a str, Arc<Introspector>>,
}

impl<'a> Tokens<'a> {
    /// Compiles every issuer and introspection, named or not, to find what is wrong.
    pub(super) fn compile(
        loaded: &'a Loaded,
        server: &ServerSpec,
        (places, client): (&'a TokenPlaces, &'a Arc<Client>),
        ledger: &mut Ledger,
    ) -> Self {
        let mut tokens = Self {
            loaded,
            places,
            client,
            identity: identity(loaded, server, ledger),
            issuers: BTreeSet::new(),
            introspectors: BTreeMap::new(),
        };
        for (name, issuer) in &loaded.issuers {
            let compile = |spec: &_, at: &_, findings: &mut _| {
                Issuer::compile(spec, &places.keys, at, findings)
            };
            let sound = ledger.examine((Kind::Issuer, name, issuer), loaded, compile);
            tokens.issuers.extend(sound.map(|_| name.as_str()));
        }
        for (name, introspection) in &loaded.introspection {
            let compile = |spec: &_, at: &_, findings: &mut _| {
                tokens.introspector_of(name, spec, at, findings)
            };
            let definition = (Kind::Introspection, name.as_str(), introspection);
            let sound = ledger.examine(definition, loaded, compile);
            let sound = sound.map(|introspector| (name.as_str(), introspector));
            tokens.introspectors.extend(sound);
        }
        tokens
    }

    /// What is wrong with accepting tokens of these issuers, found at `at`, in one place: by its
    /// `iss`, a token is of one issuer.
    pub(super) fn check_set(&self, issuers: &[String], at: &ConfigPath, findings: &mut Findings) {
        let mut seen = BTreeMap::new();
        for (index, name) in issuers.iter().enumerate() {
            let issuer = self.loaded.issuers.get(name).and_then(Definition::sound);
            let Some(text) = issuer.map(|issuer| issuer.issuer.as_str()) else {
                continue;
            };
            let Some(other) = seen.insert(text, name).filter(|other| *other != name) else {
                continue;
            };
            let message = format!("`{name}` and `{other}` are one issuer, `{text}`");
            let found = Diagnostic::error(Code::Conflict, &at.index(index), message);
            findings.push(found.hint("keep one; it may have several `audiences`"));
        }
    }

    /// The credential for an upstream that `spec`, standing at `at`, describes. `None` when something
    /// is wrong, with findings.
    pub(super) fn credential(
        &self,
        spec: &UpstreamCredentialSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<OutboundCredential> {
        let deps = OutboundDeps {
            stores: &self.places.issued,
            identity: self.identity.as_ref(),
            files: &self.loaded.key_files,
        };
        OutboundCredential::compile(spec, deps, at, findings)
    }

    /// The store of a server that `spec`, standing at `at`, describes. `None` when something is wrong,
    /// with findings.
    pub(super) fn remote_store(
        &self,
        spec: &RemoteSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<RemoteStore> {
        let deps = RemoteDeps {
            client: self.client,
            tokens: OutboundDeps {
                stores: &self.places.issued,
                identity: self.identity.as_ref(),
                files: &self.loaded.key_files,
            },
            clock: &self.places.judged.clock,
        };
        RemoteStore::compile(spec, deps, at, findings)
    }

    /// Adds what stands for who we are to authorization servers.
    pub(super) fn add_identity(&self, canon: &mut Canon) {
        if let Some(client) = self.loaded.server_node.get("clientAuth") {
            canon.node(client);
        }
        // The key that we show ourselves with may stand in a file.
        canon.bytes(&self.loaded.state.1);
    }

    fn introspector_of(
        &self,
        name: &str,
        spec: &IntrospectionSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Arc<Introspector>> {
        let deps = IntrospectionDeps {
            stores: &self.places.keys,
            places: &self.places.judged,
            identity: self.identity.as_ref(),
            files: &self.loaded.key_files,
        };
        let made = Introspector::compile(spec, deps, at, findings)?;
        let mut canon = Canon::new();
        canon.definition(Kind::Introspection, name, &self.loaded.tree);
        self.add_identity(&mut canon);
        let introspectors = &self.places.introspectors;
        introspectors.open(canon.finish(), || Some(made))
    }

    /// Stands for everything that is said of these issuers.
    fn fingerprint(&self, issuers: &[String]) -> Fingerprint {
        let sorted: BTreeSet<_> = issuers.iter().collect();
        let mut canon = Canon::new();
        for name in sorted {
            canon.definition(Kind::Issuer, name, &self.loaded.tree);
        }
        canon.finish()
    }

    fn make_verifier(&self, issuers: &[String]) -> Option<Arc<Verifier>> {
        // What is wrong with them was found before.
        let mut findings = Findings::new();
        let mut issuer = |name: &String| {
            let spec = self.loaded.issuers.get(name)?.sound()?;
            let at = Kind::Issuer.path(name);
            Issuer::compile(spec, &self.places.keys, &at, &mut findings)
        };
        let issuers: Option<Vec<_>> = issuers.iter().map(&mut issuer).collect();
        let verifier = Verifier::new(issuers?, self.places.judged.clone());
        Some(Arc::new(verifier))
    }
}

impl TokenSources for Tokens<'_> {
    fn issuers(&self) -> Vec<&str> {
        self.loaded.issuers.keys().map(String::as_str).collect()
    }

    fn introspections(&self) -> Vec<&str> {
        let names = self.loaded.introspection.keys();
        names.map(String::as_str).collect()
    }

    fn verifier(&self, issuers: &[String]) -> Option<Arc<Verifier>> {
        if !issuers.iter().all(|name| self.issuers.contains(&**name)) {
            return None;
        }
        let verifiers = &self.places.verifiers;
        verifiers.open(self.fingerprint(issuers), || self.make_verifier(issuers))
    }

    fn introspector(&self, name: &str) -> Option<Arc<Introspector>> {
        self.introspectors.get(name).cloned()
    }

    fn proofs(&self) -> Option<Arc<ProofVerifier>> {
        Some(Arc::clone(&self.places.proofs))
    }
}

fn identity(loaded: &Loaded, server: &ServerSpec, ledger: &mut Ledger) -> Option<ClientIdentity> {
    let spec = server.client_auth.as_ref()?;
    let at = ConfigPath::root().key("server").key("clientAuth");
    let mut findings = Findings::new();
    let identity = ClientIdentity::compile(spec, &loaded.key_files, &at, &mut findings);
    for diagnostic in findings.into_vec() {
        ledger.add_general(diagnostic);
    }
    identity
}

#[cfg(test)]
mod tests;
