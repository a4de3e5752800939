//! From routes as written to the table: every finding, and every broken route in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Method};
use ztag_ai_security::guardrail::Guardrail;
use ztag_expr::TemplateFiles;
use ztag_fga_remote::Directory;
use ztag_token::client::OutboundCredential;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings, SmolStr};

use super::condition::Conditions;
use super::parts::Parts;
use super::pattern::{HostPattern, PathPattern};
use super::policy::{ClosedRoute, RouteEndpoint, RouteState};
use super::siblings::{self, ExactPath};
use super::spec::RouteSpec;
use super::table::RouteTable;
use crate::upstream::Upstream;

/// A route as far as it could be read.
#[derive(Clone, Copy, Debug)]
pub enum WrittenRoute<'a> {
    /// Whole.
    Read(&'a RouteSpec),
    /// Not as a whole, which is reported already. It keeps the place it was meant for.
    Unreadable {
        /// Its hosts, where they can be read.
        hosts: Option<&'a [String]>,
        /// Its paths, where they can be read.
        paths: Option<&'a [String]>,
    },
}

/// What routes name.
#[derive(Clone, Copy, Debug)]
pub struct RouteDeps<'a> {
    /// The endpoints, by name.
    pub endpoints: &'a BTreeMap<String, RouteEndpoint>,
    /// The upstream groups, by name; none where one is broken.
    pub upstreams: &'a BTreeMap<String, Option<Arc<Upstream>>>,
    /// What the `credentials` of routes came to, by the name of the route; none where they are
    /// broken.
    pub credentials: &'a BTreeMap<String, Option<OutboundCredential>>,
    /// The fields in which endpoints say who asks, those of broken ones included. Upstreams believe
    /// them whatever route a request takes, so that no route lets a client say them.
    pub identity: &'a [HeaderName],
    /// The field that carries the correlation id.
    pub correlation: Option<&'a HeaderName>,
    /// The stores of relationships.
    pub stores: &'a Directory,
    /// The guardrails.
    pub guardrails: &'a ztag_types::Directory<Arc<Guardrail>>,
    /// The template folder.
    pub templates: &'a TemplateFiles,
}

impl RouteTable {
    /// Compiles the routes by name, found at `at`.
    ///
    /// A route with an error, or whose endpoint or upstream is broken, keeps its places and is
    /// closed there. Where a place cannot be read, all that it may have been meant for is closed,
    /// narrower routes included: no other route ever answers in the stead of a broken one.
    pub fn compile<'a>(
        routes: impl IntoIterator<Item = (&'a str, WrittenRoute<'a>)>,
        at: &ConfigPath,
        deps: &RouteDeps<'_>,
        findings: &mut Findings,
    ) -> Self {
        let read = |(name, written): (&str, WrittenRoute<'_>)| {
            let at = at.key(name);
            Draft::read(name, written, &at, deps, findings)
        };
        let mut drafts: Vec<Draft> = routes.into_iter().map(read).collect();
        close_equals(&mut drafts, at, findings);
        let exact: Vec<ExactPath> = drafts.iter().flat_map(Draft::exact_paths).collect();
        let mut table = Self::default();
        for draft in drafts {
            draft.place(&mut table);
        }
        siblings::check(&table, &exact, at, findings);
        table
    }
}

/// One route, its places known as far as they can be.
struct Draft {
    name: SmolStr,
    hosts: Vec<HostPattern>,
    /// Ends of hosts that could not be read.
    host_ends: Vec<String>,
    paths: Vec<PathPattern>,
    /// Beginnings of paths that could not be read.
    path_stems: Vec<String>,
    conditions: Option<Conditions>,
    state: Result<Parts, SmolStr>,
}

impl Draft {
    fn read(
        name: &str,
        written: WrittenRoute<'_>,
        at: &ConfigPath,
        deps: &RouteDeps<'_>,
        findings: &mut Findings,
    ) -> Self {
        let before = findings.as_slice().len();
        let mut draft = Self::empty(name);
        match written {
            WrittenRoute::Read(spec) => {
                draft.read_hosts(&spec.hosts, at, findings);
                draft.read_paths(&spec.paths, at, findings);
                draft.conditions = Conditions::compile(spec, at, findings);
                let parts = Parts::compile(name, spec, at, deps, findings);
                draft.state =
                    parts.and_then(|parts| first_error(findings, before).map_or(Ok(parts), Err));
            }
            WrittenRoute::Unreadable { hosts, paths } => {
                // What is wrong with the route is reported by whoever could not read it.
                match hosts {
                    Some(hosts) => draft.read_hosts(hosts, at, &mut Findings::new()),
                    None => draft.host_ends.push(String::new()),
                }
                match paths {
                    Some(paths) => draft.read_paths(paths, at, &mut Findings::new()),
                    None => draft.path_stems.push(String::new()),
                }
            }
        }
        draft
    }

    fn empty(name: &str) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            host_ends: Vec::new(),
            paths: Vec::new(),
            path_stems: Vec::new(),
            conditions: None,
            state: Err("the route cannot be read".into()),
        }
    }

    fn read_hosts(&mut self, hosts: &[String], at: &ConfigPath, findings: &mut Findings) {
        let at = at.key("hosts");
        for (index, text) in hosts.iter().enumerate() {
            let at = at.index(index);
            match HostPattern::parse(text) {
                Ok(host) if self.hosts.contains(&host) => findings.push(repeated(text, &at)),
                Ok(host) => self.hosts.push(host),
                Err(unreadable) => {
                    findings.push(refused(unreadable.message, unreadable.hint, &at));
                    self.host_ends.push(unreadable.meant.into_owned());
                }
            }
        }
        if hosts.is_empty() {
            self.hosts.push(HostPattern::Any);
        }
    }

    fn read_paths(&mut self, paths: &[String], at: &ConfigPath, findings: &mut Findings) {
        let at = at.key("paths");
        for (index, text) in paths.iter().enumerate() {
            let at = at.index(index);
            match PathPattern::parse(text) {
                Ok(path) if self.paths.contains(&path) => findings.push(repeated(text, &at)),
                Ok(path) => self.paths.push(path),
                Err(unreadable) => {
                    findings.push(refused(unreadable.message, unreadable.hint, &at));
                    self.path_stems.push(unreadable.meant.into_owned());
                }
            }
        }
        if paths.is_empty() {
            self.paths.push(PathPattern::all());
        }
    }

    fn places(&self) -> impl Iterator<Item = (&HostPattern, &PathPattern)> {
        let hosts = self.hosts.iter();
        hosts.flat_map(|host| self.paths.iter().map(move |path| (host, path)))
    }

    /// Its exact paths, where an endpoint judges.
    fn exact_paths(&self) -> Vec<ExactPath> {
        let Some(endpoint) = self.state.as_ref().ok().and_then(Parts::endpoint) else {
            return Vec::new();
        };
        let methods = self.conditions.as_ref().map(|own| &*own.methods);
        let method = methods.and_then(<[_]>::first).unwrap_or(&Method::GET);
        let exact = self.places().filter(|(_, path)| !path.below);
        let exact = exact.map(|(host, path)| ExactPath {
            route: self.name.clone(),
            endpoint: endpoint.clone(),
            host: host.clone(),
            path: path.clone(),
            method: method.clone(),
        });
        exact.collect()
    }

    fn place(self, table: &mut RouteTable) {
        let name = self.name.clone();
        let closed = |reason| RouteState::Closed(ClosedRoute { name, reason });
        let Self {
            hosts,
            host_ends,
            paths,
            path_stems,
            conditions,
            state,
            ..
        } = self;
        let state = match state {
            Ok(parts) => RouteState::Ready(Box::new(parts.into_route())),
            Err(reason) => closed(reason),
        };
        let state = Arc::new(state);
        let conditions = conditions.unwrap_or_else(Conditions::first);
        for host in &hosts {
            for path in &paths {
                table
                    .places
                    .put(host, path, conditions.clone(), Arc::clone(&state));
            }
            for stem in &path_stems {
                table.places.close(host, stem, Arc::clone(&state));
            }
        }
        let stems: Vec<String> = paths
            .iter()
            .map(PathPattern::stem)
            .chain(path_stems)
            .collect();
        for end in &host_ends {
            for stem in &stems {
                table.places.close_hosts(end, stem, Arc::clone(&state));
            }
        }
        table.routes.push(state);
    }
}

fn first_error(findings: &Findings, after: usize) -> Option<SmolStr> {
    let new = findings.as_slice().iter().skip(after);
    let mut errors = new.filter(|finding| finding.is_error());
    errors.next().map(|error| error.message.as_str().into())
}

/// Closes routes of which one request could take two, none of them narrower.
fn close_equals(drafts: &mut [Draft], at: &ConfigPath, findings: &mut Findings) {
    let mut by_place: BTreeMap<(&HostPattern, &PathPattern), Vec<(usize, &Conditions)>> =
        BTreeMap::new();
    let mut equals = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(conditions) = &draft.conditions else {
            continue;
        };
        for place in draft.places() {
            let others = by_place.entry(place).or_default();
            let equal = others
                .iter()
                .find(|(_, other)| other.rank() == conditions.rank() && other.meet(conditions));
            if let Some((other, _)) = equal {
                equals.push((*other, index));
            }
            others.push((index, conditions));
        }
    }
    equals.sort_unstable();
    equals.dedup();
    for (first, second) in equals {
        let names = [first, second].map(|index| drafts.get(index).map(|draft| draft.name.clone()));
        let [Some(first_name), Some(second_name)] = names else {
            continue;
        };
        findings.push(equal(&first_name, &second_name, at));
        for index in [first, second] {
            if let Some(draft) = drafts.get_mut(index) {
                draft.state = Err("another route fits the same requests equally well".into());
            }
        }
    }
}

fn equal(first: &str, second: &str, at: &ConfigPath) -> Diagnostic {
    let message = format!("routes `{first}` and `{second}` fit the same requests equally well");
    Diagnostic::error(Code::Conflict, &at.key(second), message)
        .hint("tell them apart by `hosts`, `paths`, `methods` or `headers`")
}

fn repeated(text: &str, at: &ConfigPath) -> Diagnostic {
    Diagnostic::warning(Code::Duplicate, at, format!("`{text}` is listed twice"))
}

fn refused(message: String, hint: Option<String>, at: &ConfigPath) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::InvalidValue, at, message);
    match hint {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}
