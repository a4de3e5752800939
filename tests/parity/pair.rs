//! Both programs with one policy, each with backends of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;
use tempfile::TempDir;
use ztag_test_support::{
    Failure, ForwardAuth, Gateway, Headers, MockServer, Ports, Process, Recorded, Request,
    Response, copy_rendered, free_port, scripted, send,
};

use crate::corpus::{Case, Corpus};

/// The ports in the configurations.
const LISTEN: u16 = 8080;
const ADMIN: u16 = 9901;
const BACKEND: u16 = 3100;

/// Names the endpoint of a request to the gateway, whose routes are the endpoints'.
const ENDPOINT: &str = "X-Parity-Endpoint";

/// Both programs.
pub(crate) struct Pair {
    forward_auth: ForwardAuth,
    gateway: Gateway,
    application: MockServer,
    backends: [MockServer; 2],
    _folders: [TempDir; 2],
}

/// What a program made of a request.
pub(crate) struct Verdict {
    reply: Option<Response>,
    /// What stands for the pass: the reply of forward-auth, or what reached the application.
    passed: Option<Headers>,
    calls: Vec<Recorded>,
}

/// The verdicts of `forward-auth` and of `gateway`.
pub(crate) type Verdicts = [Verdict; 2];

impl Pair {
    /// Starts both with the policy of `corpus`.
    pub(crate) fn start(corpus: &Corpus) -> Result<Self, Failure> {
        let application = MockServer::start(|_| ztag_test_support::Reply::text(200, "here"))?;
        let backends = [
            MockServer::start(scripted(corpus.backend.clone()))?,
            MockServer::start(scripted(corpus.backend.clone()))?,
        ];
        let [first, second] = &backends;
        let (asked, asked_port) = written(corpus, first)?;
        let (front, front_port) = written(corpus, second)?;
        let names: BTreeSet<&str> = corpus.cases.iter().map(|case| &*case.endpoint).collect();
        add_routes(&front.path().join("config.yaml"), &names, &application)?;
        let proxied = environment(corpus, &names, "traefik");
        let direct = environment(corpus, &names, "direct");
        let forward_auth = ForwardAuth::start(
            &asked.path().join("config.yaml"),
            asked_port,
            &borrowed(&proxied),
        )?;
        let gateway = Gateway::start(
            &front.path().join("config.yaml"),
            front_port,
            &borrowed(&direct),
        )?;
        Ok(Self {
            forward_auth,
            gateway,
            application,
            backends,
            _folders: [asked, front],
        })
    }

    /// Sends one request to both.
    pub(crate) fn play(&self, case: &Case) -> Result<Verdicts, Failure> {
        let [first, second] = &self.backends;
        first.take_recorded();
        second.take_recorded();
        self.application.take_recorded();
        let asked = send(self.forward_auth.address, &question(case)).ok();
        let front = send(self.gateway.address, &request(case)).ok();
        let arrived = self.application.take_recorded();
        if arrived.len() > 1 {
            return Err(Failure::new("the application was asked twice"));
        }
        let passed = asked.as_ref().filter(|reply| reply.status == 200);
        let passed = passed.map(|reply| reply.headers.clone());
        let arrived = arrived.into_iter().next().map(|request| request.headers);
        Ok([
            Verdict {
                reply: asked,
                passed,
                calls: first.take_recorded(),
            },
            Verdict {
                reply: front,
                passed: arrived,
                calls: second.take_recorded(),
            },
        ])
    }

    /// How the two differ.
    pub(crate) fn compare(&self, [asked, front]: Verdicts) -> Result<Vec<String>, Failure> {
        let mut deviations = Vec::new();
        let ends = [
            end(&self.forward_auth.process, asked.reply.as_ref())?,
            end(&self.gateway.process, front.reply.as_ref())?,
        ];
        let [first, second] = &ends;
        if first != second {
            deviations.push(format!("forward-auth says {first}, gateway {second}"));
        }
        match (&asked.passed, &front.passed) {
            (Some(identity), Some(arrived)) => deviations.extend(lost(identity, arrived)),
            (None, None) if first == UNREADABLE => {}
            (None, None) => {
                deviations.extend(differing(asked.reply.as_ref(), front.reply.as_ref()));
            }
            (passed, _) => {
                let name = if passed.is_some() {
                    "forward-auth"
                } else {
                    "gateway"
                };
                deviations.push(format!("only {name} lets it pass"));
            }
        }
        let calls = |verdict: &Verdict| verdict.calls.iter().map(described).collect::<Vec<_>>();
        let (first, second) = (calls(&asked), calls(&front));
        if first != second {
            deviations.push(format!("forward-auth asks {first:?}, gateway {second:?}"));
        }
        Ok(deviations)
    }
}

fn written(corpus: &Corpus, backend: &MockServer) -> Result<(TempDir, u16), Failure> {
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let ports = Ports::new()
        .with(LISTEN, port)
        .with(ADMIN, free_port()?)
        .with(BACKEND, backend.address().port());
    copy_rendered(&corpus.folder, folder.path(), &ports)?;
    Ok((folder, port))
}

fn add_routes(
    config: &Path,
    names: &BTreeSet<&str>,
    application: &MockServer,
) -> Result<(), Failure> {
    let text = fs::read_to_string(config)?;
    let route = |name: &&str| {
        format!(
            "  {name}: {{headers: {{{ENDPOINT}: {name}}}, endpoint: {name}, upstream: app, \
             forwardCredentials: true}}\n"
        )
    };
    let routes: String = names.iter().map(route).collect();
    let address = application.address();
    let text = format!(
        "{text}\nroutes:\n{routes}upstreams:\n  app: {{targets: [{{url: 'http://{address}'}}]}}\n"
    );
    Ok(fs::write(config, text)?)
}

/// Both stand behind a proxy that is believed: the one is asked by it, the other forwards for it.
fn environment(corpus: &Corpus, names: &BTreeSet<&str>, dialect: &str) -> Vec<(String, String)> {
    let own = corpus.environment.clone().into_iter();
    let proxies = names.iter().flat_map(|name| {
        let name = name.replace('-', "").to_uppercase();
        let at = format!("ZTAG_ENDPOINTS__{name}__FORWARDPROXYPOLICY");
        [
            (format!("{at}__DIALECT"), dialect.to_owned()),
            (format!("{at}__TRUSTEDPROXYIPS__0"), "127.0.0.1".to_owned()),
        ]
    });
    own.chain(proxies).collect()
}

fn borrowed(environment: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = environment.iter();
    pairs.map(|(name, value)| (&**name, &**value)).collect()
}

/// What Traefik asks about the request.
fn question(case: &Case) -> Request {
    let mut question = Request::new("GET", format!("/{}/auth", case.endpoint))
        .header("Host: forward-auth")
        .header(format!("X-Forwarded-Method: {}", case.method))
        .header("X-Forwarded-Proto: https")
        .header([b"X-Forwarded-Uri: ", &bytes(&case.target)[..]].concat())
        .header(format!("X-Forwarded-For: {}", case.client));
    for line in client_lines(case) {
        question = match line.strip_prefix("Host:") {
            Some(host) => question.header(format!("X-Forwarded-Host:{host}")),
            None => question.header(bytes(line)),
        };
    }
    question.header(format!("{ENDPOINT}: {}", case.endpoint))
}

/// What a proxy in front of the gateway sends.
fn request(case: &Case) -> Request {
    let mut request = Request::new(&case.method, bytes(&case.target))
        .header("X-Forwarded-Proto: https")
        .header(format!("X-Forwarded-For: {}", case.client));
    for line in client_lines(case) {
        request = request.header(bytes(line));
    }
    request.header(format!("{ENDPOINT}: {}", case.endpoint))
}

/// What the client says, but for words that a proxy replaces.
fn client_lines(case: &Case) -> impl Iterator<Item = &str> {
    let lines = case.headers.iter().map(String::as_str);
    lines.filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let words = ["x-forwarded-", "x-original-"];
        name != "forwarded" && !words.iter().any(|word| name.starts_with(word))
    })
}

/// What nobody can read in one way. The one heard it from a proxy and says 403, the other read it
/// off the wire and says 400, before it looks for a route.
const UNREADABLE: &str = "unreadable";

/// Outcome, reason, rule, status and client in the access log.
fn end(process: &Process, reply: Option<&Response>) -> Result<String, Failure> {
    const REASONS: [&str; 2] = ["\"request_ambiguous\"", "\"forwarded_invalid\""];
    let Some(id) = reply.and_then(|reply| reply.headers.value("x-request-id")) else {
        return Ok(String::from(UNREADABLE));
    };
    let line = process.wait_for_line(|line| line.contains(&id) && line.contains("\"reason\""))?;
    let line: Json =
        serde_json::from_str(&line).map_err(|error| Failure::new(error.to_string()))?;
    let text = |name| line.get(name).map(Json::to_string).unwrap_or_default();
    // A route is as broken as its endpoint.
    let reason = text("reason").replace("route_quarantined", "endpoint_quarantined");
    if REASONS.contains(&reason.as_str()) {
        return Ok(String::from(UNREADABLE));
    }
    Ok(format!(
        "{} for {reason} by {} with {}, client {}",
        text("outcome"),
        text("rule"),
        text("status"),
        text("client_ip"),
    ))
}

/// Fields of a pass that do not arrive as they are.
fn lost(identity: &Headers, arrived: &Headers) -> Vec<String> {
    const OWN: [&str; 5] = [
        "x-ztag-outcome",
        "x-request-id",
        "date",
        "content-length",
        "content-type",
    ];
    let fields = identity
        .iter()
        .filter(|(name, _)| !OWN.contains(name))
        .filter(|(name, value)| arrived.value(name).as_deref() != Some(value));
    fields
        .map(|(name, value)| {
            let found = arrived.value(name);
            format!("`{name}: {value}` arrives as {found:?}")
        })
        .collect()
}

/// How two refusals differ.
fn differing(asked: Option<&Response>, front: Option<&Response>) -> Vec<String> {
    let (Some(asked), Some(front)) = (asked, front) else {
        return Vec::new();
    };
    // The HTTP parser has no words of a policy.
    if front.headers.value("x-request-id").is_none() {
        return Vec::new();
    }
    let mut deviations = Vec::new();
    if asked.status != front.status {
        deviations.push(format!("status {} and {}", asked.status, front.status));
    }
    let (first, second) = (body(asked), body(front));
    if first != second {
        deviations.push(format!("`{first}` and `{second}`"));
    }
    for name in [
        "location",
        "www-authenticate",
        "retry-after",
        "cache-control",
        "content-type",
    ] {
        let (first, second) = (asked.headers.value(name), front.headers.value(name));
        if first != second {
            deviations.push(format!("`{name}` is {first:?} and {second:?}"));
        }
    }
    deviations
}

/// The body of a reply, without its correlation id.
fn body(reply: &Response) -> String {
    let id = reply.headers.value("x-request-id").unwrap_or_default();
    reply.text().replace(&id, "the correlation id")
}

/// A call to a backend, as far as it is the policy's.
fn described(call: &Recorded) -> String {
    let volatile = ["host", "x-request-id", "traceparent", "date"];
    let fields = call.headers.iter();
    let fields = fields.filter(|(name, _)| !volatile.contains(&name.to_ascii_lowercase().as_str()));
    let fields: BTreeSet<String> = fields
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let body = String::from_utf8_lossy(&call.body);
    format!("{} {} {fields:?} {body}", call.method, call.target)
}

/// One byte per character.
fn bytes(text: &str) -> Vec<u8> {
    let characters = text.chars();
    characters
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
}
