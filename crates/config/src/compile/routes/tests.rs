use std::fmt::Write;
use std::fs;

use http::{HeaderMap, Method};
use proptest::prelude::*;
use ztag_proxy::{Access, Found};
use ztag_types::ManualClock;

use super::*;
use crate::compile::{Compiled, compile};
use crate::load::{Program, Sources, load};
use crate::report::Finding;
use crate::stores::Stores;

const UP: &str = "upstreams: {up: {targets: [{url: 'http://127.0.0.1:1'}]}}\n";
const API: &str = "endpoints: {api: {authentication: {allow: {authorization: [bearer]}}}}\n";

fn compiled(sources: &Sources) -> Compiled {
    let loaded = load(sources);
    let stores = Stores::offline(&loaded, Arc::new(ManualClock::new())).unwrap();
    compile(&loaded, &stores)
}

/// What a program makes of a main document and a document of the rules folder.
fn read_by(program: Program, main: &str, other: &str) -> Compiled {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), other).unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(
        &file,
        format!("server: {{rules: {{rulesFile: rules.yaml}}}}\n{main}"),
    )
    .unwrap();
    compiled(&Sources::file(file).read_by(program))
}

fn gateway(text: &str) -> Compiled {
    read_by(Program::Gateway, text, "")
}

/// The route that a request takes: its name, or the status that turns it away.
fn taken(compiled: &Compiled, host: &str, path: &str, method: &Method) -> String {
    let table = &compiled.routing.as_ref().unwrap().table;
    match table.find(host, path, method, &HeaderMap::new()) {
        Found::Route(route) => route.name.to_string(),
        Found::Closed(_) => String::from("503"),
        Found::Method(_) => String::from("405"),
        Found::Ambiguous => String::from("400"),
        Found::Unknown => String::from("404"),
    }
}

fn get(compiled: &Compiled, host: &str, path: &str) -> String {
    taken(compiled, host, path, &Method::GET)
}

fn effects(compiled: &Compiled) -> Vec<String> {
    let short = |finding: &Finding| {
        let effect = finding.effect.as_deref().unwrap_or("-");
        format!("{} {}: {effect}", finding.code, finding.path)
    };
    compiled.report.findings().iter().map(short).collect()
}

#[test]
fn attack_15_what_a_broken_endpoint_says_is_no_clients_to_say() {
    let endpoint = |name: &str, more: &str| {
        format!(
            "  {name}: {{{more}authentication: {{allow: {{authorization: [bearer]}}}}, \
             responsePolicy: {{pass: {{headers: {{X-{name}: 'a', accept: null}}}}}}}}\n"
        )
    };
    let endpoints = [
        endpoint("sound", ""),
        endpoint("broken", "rules: [{name: gone}], "),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, format!("endpoints:\n{}{UP}", endpoints.concat())).unwrap();
    let loaded = load(&Sources::file(file).read_by(Program::Gateway));
    assert_eq!(identity(&loaded.tree), ["x-broken", "x-sound"]);
}

#[test]
fn routes_lead_past_endpoints_to_upstreams() {
    let compiled = gateway(&format!(
        "{API}{UP}routes:\n  api: {{paths: [/api/*], endpoint: api, upstream: up}}\n  open: {{public: true, upstream: up}}\n"
    ));
    assert!(compiled.report.is_empty(), "{}", compiled.report.to_human());
    let routing = compiled.routing.as_ref().unwrap();
    assert_eq!(routing.upstreams.len(), 1);
    assert_eq!(get(&compiled, "a", "/api/x"), "api");
    assert_eq!(get(&compiled, "a", "/"), "open");
    let found = routing
        .table
        .find("a", "/api/x", &Method::GET, &HeaderMap::new());
    let Found::Route(route) = found else {
        panic!("{found:?}");
    };
    assert!(matches!(&route.access, Access::Endpoint(name) if name.as_str() == "api"));
}

#[test]
fn what_a_route_names_and_is_not_there_closes_it() {
    let compiled = gateway(&format!(
        "{API}{UP}routes:
  both: {{paths: [/both], endpoint: api, public: true, upstream: up}}
  endpoint: {{paths: [/endpoint], endpoint: apy, upstream: up}}
  fine: {{endpoint: api, upstream: up}}
  neither: {{paths: [/neither], upstream: up}}
  upstream: {{paths: [/upstream], endpoint: api, upstream: upp}}
"
    ));
    assert_eq!(
        effects(&compiled),
        [
            "C007 routes.both.public: route `both` is closed and answers 503",
            "C014 routes.endpoint.endpoint: route `endpoint` is closed and answers 503",
            "C005 routes.neither: route `neither` is closed and answers 503",
            "C014 routes.upstream.upstream: route `upstream` is closed and answers 503",
        ]
    );
    let hints = compiled.report.findings().iter();
    let hints: Vec<_> = hints
        .filter_map(|finding| finding.hint.as_deref())
        .collect();
    assert!(hints.contains(&"did you mean `api`?"), "{hints:?}");
    assert!(hints.contains(&"did you mean `up`?"), "{hints:?}");
    for path in ["/both", "/endpoint", "/neither", "/upstream"] {
        assert_eq!(get(&compiled, "a", path), "503", "{path}");
    }
    assert_eq!(get(&compiled, "a", "/other"), "fine");
}

#[test]
fn a_broken_upstream_or_endpoint_closes_the_routes_that_lead_there() {
    let compiled = gateway(
        "
endpoints:
  api: {authentication: {allow: {authorization: [bearer]}}}
  bad: {rules: [{name: missing}], authentication: {allow: {none: true}}}
upstreams:
  bad: {targets: [{url: 'ftp://x'}]}
  spare: {targets: [{url: 'ftp://x'}]}
  up: {targets: [{url: 'http://127.0.0.1:1'}]}
routes:
  a: {paths: [/a], endpoint: api, upstream: bad}
  b: {paths: [/b], endpoint: api, upstream: bad}
  c: {paths: [/c], endpoint: bad, upstream: up}
  d: {endpoint: api, upstream: up}
",
    );
    let found = effects(&compiled);
    assert_eq!(
        found,
        [
            "C014 endpoints.bad.rules[0].name: endpoint `bad` is quarantined and answers 503",
            "C032 upstreams.bad.targets[0].url: routes `a`, `b` are closed and answer 503",
            "C032 upstreams.spare.targets[0].url: none yet: no route names this upstream",
        ]
    );
    for path in ["/a", "/b", "/c"] {
        assert_eq!(get(&compiled, "a", path), "503", "{path}");
    }
    assert_eq!(get(&compiled, "a", "/"), "d");
}

#[test]
fn a_broken_guardrail_closes_the_routes_and_endpoints_that_name_it() {
    let compiled = gateway(&format!(
        "
{UP}
guardrails:
  bad: {{content: {{kinds: {{NOPE: mask}}}}}}
endpoints:
  api: {{authentication: {{allow: {{authorization: [bearer]}}}}}}
  chat: {{authentication: {{allow: {{authorization: [bearer]}}}}, rules: [{{name: read}}]}}
rules:
  read: {{inspect: {{guardrail: bad, body: {{text: user}}}}}}
routes:
  a: {{paths: [/a], endpoint: api, upstream: up, guard: {{guardrail: bad, response: {{text: tool}}}}}}
  b: {{paths: [/b], endpoint: api, upstream: up, guard: {{response: {{text: tool}}}}}}
"
    ));
    let told = effects(&compiled);
    let effect =
        "endpoint `chat` is quarantined and answers 503, route `a` is closed and answers 503";
    assert!(told.iter().any(|line| line.ends_with(effect)), "{told:?}");
    assert_eq!(get(&compiled, "x", "/a"), "503");
    assert_eq!(get(&compiled, "x", "/b"), "b");
}

#[test]
fn an_unknown_key_closes_a_route_and_hides_nothing_else() {
    let compiled = gateway(&format!(
        "{API}{UP}routes:\n  a: {{paths: [/a/*], timout: 1s, endpoint: apy, upstream: up}}\n  b: {{endpoint: api, upstream: up}}\n"
    ));
    let found = effects(&compiled);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(get(&compiled, "x", "/a/b"), "503");
    assert_eq!(get(&compiled, "x", "/b"), "b");
}

#[test]
fn attack_60_a_route_whose_place_is_not_known_refuses_everything() {
    for route in [
        "hostz: [a.test], public: true",
        "domain: a.test, public: true",
        "host: a.test, public: true",
        "hosts: [7], public: true",
        "hosts: ['a..test'], public: true",
        "paths: ['/a//b'], public: true",
        "paths: {a: b}, public: true",
    ] {
        let text = format!("{API}{UP}routes:\n  a: {{{route}, upstream: up}}\n");
        let compiled = gateway(&text);
        assert!(
            compiled.plan.is_none() && compiled.routing.is_none(),
            "{route}"
        );
        let effects = effects(&compiled);
        let refused = "no start; a reload keeps the configuration in force";
        assert!(
            effects.iter().any(|own| own.ends_with(refused)),
            "{effects:?}"
        );
        // Who serves no routes has nothing to fear of them.
        assert!(read_by(Program::ForwardAuth, &text, "").plan.is_some());
    }
}

#[test]
fn a_route_that_stands_twice_is_closed_in_all_its_places() {
    let other = "routes: {a: {paths: [/two/*], public: true, upstream: up}}";
    let main = format!(
        "{UP}routes:\n  a: {{paths: [/one/*], public: true, upstream: up}}\n  b: {{public: true, upstream: up}}\n"
    );
    let compiled = read_by(Program::Gateway, &main, other);
    assert_eq!(
        effects(&compiled),
        ["C011 routes.a: route `a` is closed and answers 503"]
    );
    assert_eq!(get(&compiled, "x", "/one/1"), "503");
    assert_eq!(get(&compiled, "x", "/two/1"), "503");
    assert_eq!(get(&compiled, "x", "/three"), "b");
}

#[test]
fn only_a_gateway_serves_without_endpoints() {
    let text = format!("{UP}routes: {{open: {{public: true, upstream: up}}}}\n");
    let compiled = gateway(&text);
    assert!(compiled.report.is_empty(), "{}", compiled.report.to_human());
    assert_eq!(compiled.plan.unwrap().endpoints().len(), 0);
    let compiled = read_by(Program::ForwardAuth, &text, "");
    assert!(compiled.plan.is_none() && compiled.routing.is_none());
    // All of them closed: nothing to serve.
    let compiled = gateway("routes: {open: {public: true, upstream: up}}\n");
    assert!(compiled.plan.is_none());
}

#[test]
fn a_gateway_starts_from_short_variables_alone() {
    let sources = |upstream: &[(&str, &str)]| {
        let fixed = [
            ("ZTAG_AUTH0_DOMAIN", "tenant.eu.auth0.com"),
            ("ZTAG_AUDIENCE", "https://api.example"),
            ("ZTAG_CONNECTION_POOL_SIZE", "32"),
        ];
        let pairs = fixed.iter().chain(upstream);
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Sources::default()
            .read_by(Program::Gateway)
            .with_environment(pairs)
    };
    let compiled = compiled(&sources(&[("ZTAG_UPSTREAM", "http://127.0.0.1:3000")]));
    assert!(compiled.report.is_empty(), "{}", compiled.report.to_human());
    assert_eq!(get(&compiled, "any.example", "/x"), "default");
    let routing = compiled.routing.as_ref().unwrap();
    let RouteState::Ready(route) = routing.table.routes().next().unwrap() else {
        panic!("`default` is closed");
    };
    assert!(matches!(&route.access, Access::Endpoint(name) if name.as_str() == "default"));
    // Without an upstream it serves nothing, and lets nobody pass.
    let compiled = super::tests::compiled(&sources(&[]));
    assert!(compiled.plan.is_some());
    assert_eq!(get(&compiled, "any.example", "/x"), "404");
}

/// What can go wrong with a route.
#[derive(Clone, Copy, Debug)]
enum Fault {
    UnknownKey,
    MisspeltKey(&'static str),
    WrongType(&'static str),
    UnknownUpstream,
    UnknownEndpoint,
    NoAccess,
    BadMethod,
    BadPattern,
    BadHost,
    Twice,
}

const FAULTS: &[Fault] = &[
    Fault::UnknownKey,
    Fault::MisspeltKey("hosts"),
    Fault::MisspeltKey("paths"),
    Fault::MisspeltKey("methods"),
    Fault::WrongType("hosts"),
    Fault::WrongType("paths"),
    Fault::WrongType("methods"),
    Fault::UnknownUpstream,
    Fault::UnknownEndpoint,
    Fault::NoAccess,
    Fault::BadMethod,
    Fault::BadPattern,
    Fault::BadHost,
    Fault::Twice,
];

#[derive(Clone, Debug)]
struct Sample {
    hosts: Vec<&'static str>,
    paths: Vec<&'static str>,
    methods: Vec<&'static str>,
}

impl Sample {
    /// The route as YAML, with `fault` in it.
    fn text(&self, fault: Option<Fault>) -> String {
        let mut keys = Vec::new();
        let written = [
            ("hosts", &self.hosts),
            ("paths", &self.paths),
            ("methods", &self.methods),
        ];
        for (key, values) in written {
            if values.is_empty() {
                continue;
            }
            let mut values: Vec<String> = values.iter().map(|text| format!("'{text}'")).collect();
            if let (Some(Fault::BadMethod), "methods") = (fault, key) {
                values.push(String::from("'G T'"));
            }
            if let (Some(Fault::BadPattern), "paths") = (fault, key) {
                values = values
                    .iter()
                    .map(|text| text.replacen("'/", "'//", 1))
                    .collect();
            }
            if let (Some(Fault::BadHost), "hosts") = (fault, key) {
                values = values
                    .iter()
                    .map(|text| text.replacen('.', "..", 1))
                    .collect();
            }
            let list = format!("[{}]", values.join(", "));
            keys.push(match fault {
                Some(Fault::MisspeltKey(own)) if own == key => format!("{key}x: {list}"),
                Some(Fault::WrongType(own)) if own == key => format!("{key}: [7]"),
                _ => format!("{key}: {list}"),
            });
        }
        keys.push(String::from(match fault {
            Some(Fault::NoAccess) => "description: nobody decides",
            Some(Fault::UnknownEndpoint) => "endpoint: nobody",
            _ => "public: true",
        }));
        keys.push(String::from(match fault {
            Some(Fault::UnknownUpstream) => "upstream: nowhere",
            _ => "upstream: up",
        }));
        if let Some(Fault::UnknownKey) = fault {
            keys.push(String::from("frobnicate: 1"));
        }
        format!("{{{}}}", keys.join(", "))
    }
}

fn routes(samples: &[Sample], broken: Option<(usize, Fault)>) -> Compiled {
    let mut text = format!("{UP}{API}routes:\n");
    let mut other = String::new();
    for (index, sample) in samples.iter().enumerate() {
        let fault = broken.filter(|(victim, _)| *victim == index);
        let route = sample.text(fault.map(|(_, fault)| fault));
        writeln!(text, "  r{index}: {route}").unwrap();
        if let Some((_, Fault::Twice)) = fault {
            other = format!("routes: {{r{index}: {route}}}\n");
        }
    }
    read_by(Program::Gateway, &text, &other)
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let some = |of: &'static [&'static str]| proptest::sample::subsequence(of, 0..=2);
    let hosts = some(&["a.test", "b.a.test", "*.a.test", "*.test"]);
    let paths = some(&["/", "/x", "/x/*", "/x/y", "/x/y/*", "/*"]);
    let methods = some(&["GET", "POST"]);
    let sample = (hosts, paths, methods).prop_map(|(hosts, paths, methods)| Sample {
        hosts,
        paths,
        methods,
    });
    proptest::collection::vec(sample, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is wrong with a route: what it served is closed, and no other route serves it.
    #[test]
    fn attack_60_no_route_answers_in_the_stead_of_a_broken_one(
        samples in samples(),
        victim in any::<prop::sample::Index>(),
        fault in prop::sample::select(FAULTS),
    ) {
        let index = victim.index(samples.len());
        let whole = samples.get(index).map(|sample| (sample.text(None), sample.text(Some(fault))));
        let stays = whole.is_some_and(|(before, after)| before == after);
        // Some faults need a key that is there.
        prop_assume!(!stays || matches!(fault, Fault::Twice));
        let (sound, broken) = (routes(&samples, None), routes(&samples, Some((index, fault))));
        prop_assert!(sound.plan.is_some(), "{}", sound.report.to_human());
        if broken.plan.is_none() {
            // Nobody knows where it stands: nothing is published.
            prop_assert!(matches!(fault, Fault::MisspeltKey("hosts" | "paths") | Fault::WrongType("hosts" | "paths") | Fault::UnknownKey | Fault::BadPattern | Fault::BadHost));
            return Ok(());
        }
        let victim = format!("r{index}");
        for host in ["a.test", "b.a.test", "c.a.test", "d.test", "e"] {
            for path in ["/", "/x", "/x/y", "/x/y/z", "/xx", "/z"] {
                for method in [Method::GET, Method::POST, Method::PUT] {
                    let before = taken(&sound, host, path, &method);
                    let after = taken(&broken, host, path, &method);
                    let text = format!("{method} {host}{path}: {before}, then {after}");
                    if before == victim {
                        prop_assert_eq!(after, "503", "{}", text);
                    } else if before.starts_with('r') {
                        prop_assert!(after == before || after == "503", "{text}");
                    } else if before != "503" {
                        // Two equal routes close each other; one that stays alone may serve.
                        prop_assert!(!after.starts_with('r'), "{text}");
                    }
                }
            }
        }
    }
}

/// What compiling finds about one route, whose endpoint sets `pass` in its reply to a pass.
fn found_with(pass: &str, upstream: &str, route: &str) -> Vec<String> {
    let text = format!(
        "server: {{clientAuth: {{clientId: us, secret: hunter2}}}}
endpoints:
  api:
    authentication: {{allow: {{authorization: [bearer]}}}}
    responsePolicy: {{pass: {{headers: {{{pass}}}}}}}
upstreams: {{up: {{targets: [{{url: 'http://127.0.0.1:1'}}]{upstream}}}}}
routes:
  open: {{paths: [/open], public: true, upstream: up, credentials: {{none: true}}}}
  a: {{{route}, upstream: up}}
"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text).unwrap();
    let compiled = compiled(&Sources::file(file).read_by(Program::Gateway));
    let findings = compiled.report.findings().iter();
    findings
        .map(|found| format!("{} {}", found.code, found.path))
        .collect()
}

#[test]
fn attack_51_one_says_what_an_upstream_gets() {
    const OWN: &str = "credentials: {clientCredentials: {issuer: 'https://as.example'}}";
    const SWAP: &str = "credentials: {exchange: {issuer: 'https://as.example', audience: up}}";
    let user = "x-user: 'mia'";
    let token = "authorization: 'Bearer {{ request.path }}'";
    let group = format!(", {OWN}");
    for (pass, upstream, route, expected) in [
        (user, "", format!("endpoint: api, {OWN}"), None),
        // The endpoint takes any bearer token, and verifies none.
        (
            user,
            "",
            format!("endpoint: api, {SWAP}"),
            Some("C007 routes.a.credentials"),
        ),
        (user, &*group, "endpoint: api".to_owned(), None),
        (user, "", format!("public: true, {OWN}"), None),
        (
            user,
            "",
            format!("public: true, {SWAP}"),
            Some("C007 routes.a.credentials"),
        ),
        (
            token,
            "",
            format!("endpoint: api, {OWN}"),
            Some("C007 routes.a.credentials"),
        ),
        (
            token,
            &group,
            "endpoint: api".to_owned(),
            Some("C007 routes.a.upstream"),
        ),
        (
            token,
            &group,
            "endpoint: api, credentials: {none: true}".to_owned(),
            None,
        ),
        (
            user,
            &group,
            "endpoint: api, requestHeaders: {remove: [authorization]}".to_owned(),
            Some("C007 routes.a.requestHeaders.remove[0]"),
        ),
    ] {
        let found = found_with(pass, upstream, &route);
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{pass} {upstream} {route}"
        );
    }
}

#[test]
fn an_exchange_where_no_token_is_verified_is_warned_about() {
    let found = |allow: &str| {
        let text = format!(
            "endpoints: {{api: {{authentication: {{allow: {{{allow}}}}}}}}}
issuers: {{idp: {{issuer: 'https://idp.example/', audiences: [a]}}}}
introspection: {{idp: {{issuer: 'https://idp.example/', audiences: [a], client: {{clientId: us, secret: hunter2}}}}}}
upstreams: {{up: {{targets: [{{url: 'http://127.0.0.1:1'}}]}}}}
routes:
  a:
    endpoint: api
    upstream: up
    credentials:
      exchange:
        issuer: 'https://as.example'
        audience: up
        client: {{clientId: us, secret: hunter2}}
"
        );
        let compiled = gateway(&text);
        let report = compiled.report.to_human();
        assert_eq!(compiled.report.errors(), 0, "{report}");
        report
    };
    let warning = "the endpoint verifies no token that could be exchanged";
    for (allow, warned) in [
        ("authorization: [bearer]", true),
        ("header: [x-api-key]", true),
        ("jwt: [idp]", false),
        ("introspection: [idp]", false),
        ("jwt: [idp], none: true", false),
    ] {
        let report = found(allow);
        assert_eq!(report.contains(warning), warned, "{allow}: {report}");
    }
}

#[test]
fn what_is_wrong_with_credentials_is_told_where_they_stand() {
    const WRONG: &str = "credentials: {clientCredentials: {}}";
    let issuer = "credentials.clientCredentials.issuer";
    let found = found_with("", "", &format!("endpoint: api, {WRONG}"));
    assert_eq!(found, [format!("C005 routes.a.{issuer}")]);
    let found = found_with("", &format!(", {WRONG}"), "endpoint: api");
    assert_eq!(found, [format!("C005 upstreams.up.{issuer}")]);
}

#[test]
fn attack_51_credentials_of_clients_go_nowhere_beside_ours() {
    const OWN: &str = "credentials: {clientCredentials: {issuer: 'https://as.example'}}";
    let found = found_with(
        "x-user: 'mia'",
        "",
        &format!("endpoint: api, forwardCredentials: true, {OWN}"),
    );
    assert!(
        found.contains(&"C007 routes.a.forwardCredentials".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_route_whose_credentials_are_broken_is_closed() {
    let compiled = gateway(&format!(
        "{API}{UP}routes:
  a: {{paths: [/a], endpoint: api, upstream: up, credentials: {{exchange: {{issuer: 'https://as.example'}}}}}}
  b: {{paths: [/b], endpoint: api, upstream: up, credentials: {{none: true}}}}
"
    ));
    assert_eq!(get(&compiled, "x", "/a"), "503");
    assert_eq!(get(&compiled, "x", "/b"), "b");
}

#[test]
fn key_files_of_credentials_are_read_and_watched() {
    let own = "credentials: {clientCredentials: {issuer: 'https://as.example', client: {clientId: us, keyFile: KEY}}}";
    let text = format!(
        "{API}upstreams: {{up: {{targets: [{{url: 'http://127.0.0.1:1'}}], {}}}}}
routes: {{a: {{endpoint: api, upstream: up, {}}}}}
",
        own.replace("KEY", "group.pem"),
        own.replace("KEY", "route.pem"),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    fs::write(&file, text).unwrap();
    for name in ["group.pem", "route.pem"] {
        let pair = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join(name), pair.serialize_pem()).unwrap();
    }
    let sources = Sources::file(file).read_by(Program::Gateway);
    let report = compiled(&sources).report;
    assert!(report.is_empty(), "{}", report.to_human());
    let before = load(&sources).state;
    fs::write(folder.path().join("route.pem"), "no key").unwrap();
    assert!(before != load(&sources).state);
}
