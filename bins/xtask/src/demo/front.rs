//! The gateway, a provider that issues tokens, and an application.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;
use ztag_test_support::{
    Failure, Gateway, MockServer, OidcProvider, Ports, Request, copy_rendered, free_port, workspace,
};

use super::answer::{Answer, ask};
use super::table::{Row, Table};

/// Ports that the example is written with.
const LISTEN: u16 = 8080;
const ADMIN: u16 = 9901;
const ISSUER: u16 = 3200;
const APPLICATION: u16 = 3000;

const DOOR: &str = "gateway";
const API: &str = "https://api.example.com";
/// The provider issues tokens for two seconds for this one.
const SHORT: &str = "https://short.example.com";
/// Tokens for it are taken, too, and end to the second.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("ZTAG_ISSUERS__IDP__AUDIENCES__1", SHORT),
    ("ZTAG_ISSUERS__IDP__CLOCKSKEW", "0s"),
];

/// Between two looks at whether a token has expired, and how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const ATTEMPTS: usize = 200;

/// The gateway and what it stands between.
pub(super) struct Front {
    gateway: Gateway,
    application: MockServer,
    provider: OidcProvider,
    config: PathBuf,
    admin_port: u16,
    tokens: Tokens,
    _folder: TempDir,
}

/// Tokens that the provider issued to clients that signed for themselves (`private_key_jwt`).
struct Tokens {
    reader: String,
    keeper: String,
    /// Good for two seconds, and issued last.
    short: String,
}

/// A request: method, target, token, more header lines, what stands in the table for these, and
/// the status that must come of it.
struct Scene<'t> {
    method: &'static str,
    target: &'static str,
    token: Option<&'t str>,
    line: Option<&'static str>,
    shows: &'static str,
    wanted: u16,
}

impl Front {
    /// Starts everything with the configuration of the example.
    pub(super) fn set() -> Result<Self, Failure> {
        let (provider, application) = (OidcProvider::start()?, MockServer::application()?);
        let (listen, admin_port) = (free_port()?, free_port()?);
        let ports = Ports::new()
            .with(LISTEN, listen)
            .with(ADMIN, admin_port)
            .with(ISSUER, provider.address().port())
            .with(APPLICATION, application.address().port());
        let folder = tempfile::tempdir()?;
        copy_rendered(&workspace().join("examples/gateway"), folder.path(), &ports)?;
        let config = folder.path().join("gateway.yaml");
        Ok(Self {
            gateway: Gateway::start(&config, listen, &ENVIRONMENT)?,
            tokens: Tokens {
                reader: issued(&provider, &[API, "read"])?,
                keeper: issued(&provider, &[API, "read write", "keeper"])?,
                short: issued(&provider, &[SHORT, "read"])?,
            },
            application,
            provider,
            config,
            admin_port,
            _folder: folder,
        })
    }

    /// Sends every scene and writes down what became of it.
    pub(super) fn play(&self, table: &mut Table) -> Result<(), Failure> {
        let scenes = self.scenes();
        for (index, scene) in scenes.iter().enumerate() {
            table.add(self.row(scene, &format!("demo-{DOOR}-{index}"))?);
        }
        table.add(self.expired()?);
        Ok(())
    }

    fn scenes(&self) -> [Scene<'_>; 9] {
        let scene = |method, target, token, shows, wanted| Scene {
            method,
            target,
            token,
            line: None,
            shows,
            wanted,
        };
        let Tokens {
            reader,
            keeper,
            short,
        } = &self.tokens;
        let (reader, keeper) = (Some(reader.as_str()), Some(keeper.as_str()));
        [
            scene("GET", "/orders/7", Some(short), "token for 2 seconds", 200),
            scene("GET", "/orders/7", reader, "reader's token", 200),
            scene("POST", "/orders", reader, "reader's token", 403),
            scene("GET", "/orders/7", None, "no token", 401),
            Scene {
                line: Some("X-User: root"),
                ..scene("GET", "/orders/7", reader, "reader, claims root", 200)
            },
            scene("GET", "/admin/users", reader, "reader's token", 403),
            scene("GET", "/admin/users", keeper, "keeper's token", 200),
            scene("GET", "/x/../admin/users", reader, "reader, odd path", 400),
            scene("GET", "/health", None, "no token", 200),
        ]
    }

    fn row(&self, scene: &Scene<'_>, id: &str) -> Result<Row, Failure> {
        let mut request = Request::new(scene.method, scene.target);
        if let Some(token) = scene.token {
            request = request.header(format!("Authorization: Bearer {token}"));
        }
        if let Some(line) = scene.line {
            request = request.header(line);
        }
        Ok(Row {
            door: DOOR,
            request: format!("{} {}", scene.method, scene.target),
            shows: scene.shows,
            answer: self.ask(request, id)?,
            wanted: scene.wanted,
        })
    }

    /// The short-lived token, once it is no longer good.
    fn expired(&self) -> Result<Row, Failure> {
        let scene = Scene {
            method: "GET",
            target: "/orders/7",
            token: Some(&self.tokens.short),
            line: None,
            shows: "the same, 2 s later",
            wanted: 401,
        };
        let mut attempt = 0;
        loop {
            let row = self.row(&scene, &format!("demo-{DOOR}-expired-{attempt}"))?;
            if row.answer.status == scene.wanted || attempt == ATTEMPTS {
                return Ok(row);
            }
            attempt += 1;
            thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// What became of a request, and whom the application was told to deal with.
    fn ask(&self, request: Request, id: &str) -> Result<Answer, Failure> {
        self.application.take_recorded();
        let mut answer = ask(self.gateway.address, &self.gateway.process, request, id)?;
        let arrived = self.application.take_recorded();
        let user = arrived.iter().find_map(|one| one.headers.value("x-user"));
        if let Some(user) = user {
            answer.why.extend([", told X-User: ", &user]);
        }
        Ok(answer)
    }

    /// Says what to try while everything is up.
    pub(super) fn invite(&self) {
        let (address, token) = (self.gateway.address, &self.tokens.reader);
        println!(
            "\n  gateway, with a token for ten minutes from {}",
            self.provider.issuer()
        );
        println!("    TOKEN={token}");
        println!("    curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/orders/7");
        println!("    curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/admin/users");
        println!("    curl -i http://{address}/health");
        println!("    configuration, watched: {}", self.config.display());
        println!(
            "    the compiled policy: http://127.0.0.1:{}/explain",
            self.admin_port
        );
    }
}

fn issued(provider: &OidcProvider, words: &[&str]) -> Result<String, Failure> {
    let words: Vec<&str> = ["token"].iter().chain(words).copied().collect();
    let answer = provider.foreign_client(&words)?;
    let token = answer.get("access_token").and_then(Json::as_str);
    let token = token.ok_or_else(|| Failure::new(format!("no token in {answer}")))?;
    Ok(token.to_owned())
}
