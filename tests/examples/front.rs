//! Examples of the gateway: requests as clients send them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tempfile::TempDir;
use ztag_test_support::{
    Authority, Certificate, Connection, ExpectedHeaders, Failure, ForwardAuth, Gateway, Headers,
    MockServer, Ports, Recorded, Request, Response, Route, copy_rendered, free_port, from_yaml,
    mismatches, scripted, send,
};

use crate::issuer::Issuer;
use crate::{CASES, FRONT, OTHER_DOOR};

/// The ports that the examples are written with.
const LISTEN: [u16; 2] = [8080, 8443];
const ADMIN: u16 = 9901;
const OTHER_LISTEN: u16 = 8081;
const OTHER_ADMIN: u16 = 9902;
const ISSUER: u16 = 3200;
const APPLICATION: u16 = 3000;

/// The certificate of the gateway itself.
const OWN: &str = "server";

/// `cases.yaml`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Script {
    /// Environment of the gateway.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Claims of the tokens, by name.
    #[serde(default)]
    tokens: BTreeMap<String, Map<String, Json>>,
    /// Names of the certificates, by the names of their files.
    #[serde(default)]
    certificates: BTreeMap<String, Vec<String>>,
    /// What the application answers; a few words where nothing is said.
    #[serde(default)]
    application: Vec<Route>,
    /// The requests, in order.
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    request: Original,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Original {
    #[serde(default = "get")]
    method: String,
    #[serde(default = "example_host")]
    host: String,
    target: String,
    token: Option<String>,
    certificate: Option<String>,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(default)]
    headers: ExpectedHeaders,
    /// The body, its last line end aside.
    body: Option<String>,
    /// What stands in the body.
    #[serde(default)]
    body_contains: Vec<String>,
    /// What does not.
    #[serde(default)]
    body_lacks: Vec<String>,
    /// Who the client is, for whoever is told by this door.
    #[serde(default)]
    identity: ExpectedHeaders,
    /// What reaches the application.
    upstream: Option<Arrival>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arrival {
    target: String,
    #[serde(default)]
    headers: ExpectedHeaders,
    body: Option<String>,
}

/// Starts an example and plays its requests; what differs from what it says.
pub(crate) fn play(folder: &Path) -> Result<Vec<String>, Failure> {
    let name = folder.display().to_string();
    let script: Script = from_yaml(&folder.join(CASES))?;
    let stage = Stage::set(folder, &script).map_err(|failure| failure.during(&name))?;
    let mut deviations = Vec::new();
    for case in &script.cases {
        let found = stage.play(&script, case);
        let found = found.map_err(|failure| failure.during(&name))?;
        let found = found.iter();
        deviations.extend(found.map(|what| format!("{name}: {}: {what}", case.name)));
    }
    Ok(deviations)
}

/// A copy of an example with the certificates that it needs, if it needs any.
pub(crate) fn certified(folder: &Path) -> Result<Option<TempDir>, Failure> {
    if !folder.join(FRONT).exists() || !folder.join(CASES).exists() {
        return Ok(None);
    }
    let script: Script = from_yaml(&folder.join(CASES))?;
    if script.certificates.is_empty() {
        return Ok(None);
    }
    let copy = tempfile::tempdir()?;
    copy_rendered(folder, copy.path(), &Ports::new())?;
    Identities::issue(copy.path(), &script)?;
    Ok(Some(copy))
}

/// What runs for one example.
struct Stage {
    gateway: Gateway,
    other_door: Option<ForwardAuth>,
    application: MockServer,
    issuer: Issuer,
    identities: Option<Identities>,
    _folder: TempDir,
}

impl Stage {
    fn set(example: &Path, script: &Script) -> Result<Self, Failure> {
        let application = match &*script.application {
            [] => MockServer::application()?,
            routes => MockServer::start(scripted(routes.to_vec()))?,
        };
        let issuer = Issuer::start()?;
        let (listen, other) = (free_port()?, free_port()?);
        let ports = LISTEN.iter().fold(Ports::new(), |ports, documented| {
            ports.with(*documented, listen)
        });
        let ports = ports
            .with(ADMIN, free_port()?)
            .with(OTHER_LISTEN, other)
            .with(OTHER_ADMIN, free_port()?)
            .with(ISSUER, issuer.port())
            .with(APPLICATION, application.address().port());
        let folder = tempfile::tempdir()?;
        copy_rendered(example, folder.path(), &ports)?;
        let identities = Identities::issue(folder.path(), script)?;
        let environment = script.environment.iter();
        let environment: Vec<(&str, String)> = environment
            .map(|(name, value)| (name.as_str(), ports.render(value)))
            .collect();
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let front = folder.path().join(FRONT);
        let front = front.exists().then_some(front);
        let other_door = folder.path().join(OTHER_DOOR);
        let other_door = other_door
            .exists()
            .then(|| ForwardAuth::start(&other_door, other, &[]));
        Ok(Self {
            gateway: Gateway::start_with(front.as_deref(), listen, &environment)?,
            other_door: other_door.transpose()?,
            application,
            issuer,
            identities,
            _folder: folder,
        })
    }

    /// Sends the request through each door.
    fn play(&self, script: &Script, case: &Case) -> Result<Vec<String>, Failure> {
        let token = case.request.token.as_ref().map(|name| {
            let claims = script.tokens.get(name);
            let claims = claims.ok_or_else(|| Failure::new(format!("no token `{name}`")))?;
            Ok::<_, Failure>(self.issuer.token(claims))
        });
        let token = token.transpose()?;
        self.application.take_recorded();
        let response = self.send(&case.request, token.as_deref())?;
        let arrived = self.application.take_recorded();
        let mut deviations = case.expect.compare(&response, &arrived);
        if !deviations.is_empty() {
            deviations.push(self.gateway.process.log());
        }
        if let Some(door) = &self.other_door {
            let response = send(door.address, &case.request.question(token.as_deref()))?;
            let found = case.expect.compare_reply(&response, &response.headers);
            deviations.extend(found.iter().map(|what| format!("forward-auth: {what}")));
        }
        Ok(deviations)
    }

    fn send(&self, original: &Original, token: Option<&str>) -> Result<Response, Failure> {
        let request = original.request(token);
        let Some(identities) = &self.identities else {
            return Ok(send(self.gateway.address, &request)?);
        };
        let own = original.certificate.as_ref();
        let own = own.and_then(|name| identities.certificates.get(name));
        let name = identities.server.as_str();
        let client = identities.authority.client(name, &["http/1.1"], own)?;
        let mut connection = Connection::open_tls(self.gateway.address, &client, b"")?;
        connection.write(&request.encode())?;
        Ok(connection.reply(&original.method)?)
    }
}

/// Who is who by certificates, all of one authority.
struct Identities {
    authority: Authority,
    /// The name of the gateway.
    server: String,
    certificates: BTreeMap<String, Certificate>,
}

impl Identities {
    /// Writes what `script` wants to `certs` below `folder`, if it wants any.
    fn issue(folder: &Path, script: &Script) -> Result<Option<Self>, Failure> {
        let own = script.certificates.get(OWN).and_then(|names| names.first());
        let Some(server) = own.cloned() else {
            return Ok(None);
        };
        let folder = folder.join("certs");
        fs::create_dir_all(&folder)?;
        let authority = Authority::new()?;
        authority.write(&folder)?;
        let mut certificates = BTreeMap::new();
        for (stem, names) in &script.certificates {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            certificates.insert(stem.clone(), authority.issue(&folder, stem, &names)?);
        }
        Ok(Some(Self {
            authority,
            server,
            certificates,
        }))
    }
}

impl Original {
    /// What the client sends to the gateway.
    fn request(&self, token: Option<&str>) -> Request {
        let request = Request::new(&self.method, self.target.as_str());
        self.complete(request.header(format!("Host: {}", self.host)), token)
    }

    /// What Traefik asks about it.
    fn question(&self, token: Option<&str>) -> Request {
        let question = Request::new("GET", "/auth")
            .header("Host: forward-auth")
            .header(format!("X-Forwarded-Method: {}", self.method))
            .header("X-Forwarded-Proto: https")
            .header(format!("X-Forwarded-Host: {}", self.host))
            .header(format!("X-Forwarded-Uri: {}", self.target))
            .header("X-Forwarded-For: 192.0.2.10");
        self.complete(question, token)
    }

    fn complete(&self, mut request: Request, token: Option<&str>) -> Request {
        if let Some(token) = token {
            request = request.header(format!("Authorization: Bearer {token}"));
        }
        let lines = self.headers.iter();
        let request = lines.fold(request, |request, line| request.header(line.as_bytes()));
        match &self.body {
            Some(body) => request.body(body.as_bytes()),
            None => request,
        }
    }
}

impl Expect {
    fn compare(&self, response: &Response, arrived: &[Recorded]) -> Vec<String> {
        let nothing = Headers::default();
        let told = arrived.first().map_or(&nothing, |request| &request.headers);
        let mut deviations = self.compare_reply(response, told);
        if let Some(body) = &self.body
            && body.trim_end() != response.text().trim_end()
        {
            deviations.push(format!("body `{}` instead of `{body}`", response.text()));
        }
        deviations.extend(self.compare_parts(&response.text()));
        // Something may be held up on its way back.
        let wanted = usize::from(self.status < 400 || self.upstream.is_some());
        if arrived.len() != wanted {
            let found = arrived.len();
            deviations.push(format!(
                "the application is asked {found} times, not {wanted}"
            ));
        }
        if let Some(upstream) = &self.upstream {
            deviations.extend(mismatches(told, &upstream.headers));
            let targets = arrived.iter().map(|request| request.target.as_str());
            if targets.clone().ne([upstream.target.as_str()]) {
                let found: Vec<&str> = targets.collect();
                deviations.push(format!("the application is asked {found:?}"));
            }
            let body = arrived.first().map(|request| &*request.body);
            if let Some(wanted) = &upstream.body
                && body != Some(wanted.as_bytes())
            {
                let found = String::from_utf8_lossy(body.unwrap_or_default());
                deviations.push(format!("the application is sent `{found}`"));
            }
        }
        deviations
    }

    /// Parts of the body that should be there and are not, and the other way round.
    fn compare_parts(&self, body: &str) -> Vec<String> {
        let missing = self
            .body_contains
            .iter()
            .filter(|part| !body.contains(*part));
        let missing = missing.map(|part| format!("body `{body}` lacks `{part}`"));
        let unwanted = self.body_lacks.iter().filter(|part| body.contains(*part));
        let unwanted = unwanted.map(|part| format!("body `{body}` contains `{part}`"));
        missing.chain(unwanted).collect()
    }

    /// What any door replies, and who it says that the client is.
    fn compare_reply(&self, response: &Response, told: &Headers) -> Vec<String> {
        let mut deviations = mismatches(&response.headers, &self.headers);
        deviations.extend(mismatches(told, &self.identity));
        if response.status != self.status {
            let (found, wanted) = (response.status, self.status);
            deviations.push(format!("status {found} instead of {wanted}"));
        }
        deviations
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn example_host() -> String {
    "app.example.com".to_owned()
}
