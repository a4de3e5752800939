//! Both programs with one policy, each with backends of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use ztag_test_support::{
    Connection, Failure, ForwardAuth, Gateway, MockServer, Ports, Request, Response, copy_rendered,
    free_port, scripted, send,
};

use crate::corpus::{Case, Corpus};
use crate::verdict::{Verdict, Verdicts, compare};

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
    pub(crate) fn play(&self, corpus: &Corpus, case: &Case) -> Result<Verdicts, Failure> {
        let [first, second] = &self.backends;
        first.take_recorded();
        second.take_recorded();
        self.application.take_recorded();
        let [asked, front] = self.replies(corpus, case)?;
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

    /// How the two differ from each other, and from what is expected.
    pub(crate) fn compare(&self, case: &Case, verdicts: Verdicts) -> Result<Vec<String>, Failure> {
        let processes = [&self.forward_auth.process, &self.gateway.process];
        compare(processes, case, verdicts)
    }

    fn replies(&self, corpus: &Corpus, case: &Case) -> Result<[Option<Response>; 2], Failure> {
        let (asked, front) = (self.forward_auth.address, self.gateway.address);
        let Some(purse) = corpus.purse.as_ref().filter(|_| corpus.tls) else {
            return Ok([
                send(asked, &question(case)).ok(),
                send(front, &request(case)).ok(),
            ]);
        };
        let client = purse.client(case.certificate.as_deref())?;
        let bytes = direct(case).encode();
        let encrypted = |address| {
            let mut connection = Connection::open_tls(address, &client, b"").ok()?;
            connection.write(&bytes).ok()?;
            connection.reply(&case.method).ok()
        };
        Ok([encrypted(asked), encrypted(front)])
    }
}

fn written(corpus: &Corpus, backend: &MockServer) -> Result<(TempDir, u16), Failure> {
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let ports = Ports::new()
        .with(LISTEN, port)
        .with(ADMIN, free_port()?)
        .with(BACKEND, backend.address().port());
    copy_rendered(&corpus.folder, folder.path(), &ports)?;
    if let Some(purse) = &corpus.purse {
        let config = folder.path().join("config.yaml");
        fs::write(&config, purse.fill(&fs::read_to_string(&config)?)?)?;
    }
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
    if corpus.tls {
        return own.collect();
    }
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
    finished(question, case)
}

/// What a proxy in front of the gateway sends.
fn request(case: &Case) -> Request {
    let mut request = Request::new(&case.method, bytes(&case.target))
        .header("X-Forwarded-Proto: https")
        .header(format!("X-Forwarded-For: {}", case.client));
    for line in client_lines(case) {
        request = request.header(bytes(line));
    }
    finished(request, case)
}

/// What a client sends with nobody between.
fn direct(case: &Case) -> Request {
    let request = Request::new(&case.method, bytes(&case.target));
    let lines = case.headers.iter();
    let request = lines.fold(request, |request, line| request.header(bytes(line)));
    finished(request, case)
}

fn finished(request: Request, case: &Case) -> Request {
    let request = request.header(format!("{ENDPOINT}: {}", case.endpoint));
    match &case.body {
        Some(body) => request.body(bytes(body)),
        None => request,
    }
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

/// One byte per character.
fn bytes(text: &str) -> Vec<u8> {
    let characters = text.chars();
    characters
        .map(|character| u8::try_from(character).unwrap_or(b'?'))
        .collect()
}
