//! TLS: certificates by name, fresh ones without a restart, and clients that show theirs.

use std::fs;

use tempfile::TempDir;
use ztag_test_support::h2::{Ending, Http2, get};
use ztag_test_support::{Authority, Connection, Failure, MockServer, TlsClient};

use crate::house::{House, POLICY};

const APP: &str = "app.example.com";

struct Encrypted {
    authority: Authority,
    house: House,
    upstream: MockServer,
}

impl Encrypted {
    fn open(more: &str, policy: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new()?;
        authority.write(folder.path())?;
        issue(&authority, &folder)?;
        let upstream = MockServer::application()?;
        let policy = policy.replace("{upstream}", &upstream.address().to_string());
        let listen = format!(
            "    tls:\n      handshakeTimeout: 1s\n      certificates:\n        \
             - {{certFile: app.pem, keyFile: app.key}}\n        \
             - {{certFile: wild.pem, keyFile: wild.key}}\n{more}%%\n"
        );
        let house = House::open(folder, "", &(listen + &policy))?;
        Ok(Self {
            authority,
            house,
            upstream,
        })
    }

    fn client(&self, name: &str) -> Result<TlsClient, Failure> {
        self.authority.client(name, &["http/1.1"], None)
    }

    fn connect(&self, client: &TlsClient) -> std::io::Result<Connection> {
        Connection::open_tls(self.house.address(), client, b"")
    }

    fn status(&self, client: &TlsClient, host: &str) -> Result<u16, Failure> {
        let mut connection = self.connect(client)?;
        connection.write(request(host).as_bytes())?;
        Ok(connection.reply("GET")?.status)
    }
}

fn issue(authority: &Authority, folder: &TempDir) -> Result<(), Failure> {
    authority.issue(folder.path(), "app", &[APP])?;
    authority.issue(folder.path(), "wild", &["*.wild.example"])?;
    Ok(())
}

fn request(host: &str) -> String {
    format!("GET /open HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn the_name_asked_for_chooses_the_certificate() -> Result<(), Failure> {
    let encrypted = Encrypted::open("", POLICY)?;
    for name in [APP, "a.wild.example"] {
        // The client refuses a certificate for another name.
        assert_eq!(
            encrypted.status(&encrypted.client(name)?, name)?,
            200,
            "{name}"
        );
    }
    let forwarded = encrypted.upstream.take_recorded();
    let schemes = forwarded
        .iter()
        .map(|request| request.headers.value("x-forwarded-proto"));
    let schemes: Vec<_> = schemes.map(Option::unwrap_or_default).collect();
    assert_eq!(schemes, ["https", "https"]);
    Ok(())
}

#[test]
fn attack_07_a_connection_serves_the_hosts_of_its_certificate() -> Result<(), Failure> {
    let encrypted = Encrypted::open("", POLICY)?;
    let client = encrypted.client(APP)?;
    assert_eq!(encrypted.status(&client, "a.wild.example")?, 421);
    assert_eq!(encrypted.upstream.take_recorded(), []);
    Ok(())
}

#[test]
fn http_2_is_chosen_in_the_handshake() -> Result<(), Failure> {
    let encrypted = Encrypted::open("", POLICY)?;
    let both = encrypted.authority.client(APP, &["h2", "http/1.1"], None)?;
    let connection = encrypted.connect(&both)?;
    assert_eq!(connection.protocol(), Some(&b"h2"[..]));
    let mut http2 = Http2::begin(connection)?;
    http2.send(&[get(1, APP, "/open", &[])])?;
    assert_eq!(http2.ending(), Ending::Status(1, 200));
    Ok(())
}

#[test]
fn fresh_certificates_serve_without_a_restart() -> Result<(), Failure> {
    let encrypted = Encrypted::open("", POLICY)?;
    let client = encrypted.client(APP)?;
    let mut old = encrypted.connect(&client)?;
    let shown = old.certificate().map(<[u8]>::to_vec);
    issue(&encrypted.authority, &encrypted.house.folder)?;
    encrypted.house.gateway.process.signal("HUP")?;
    let shows_another = || {
        let fresh = encrypted.connect(&client).ok();
        let fresh = fresh.as_ref().and_then(Connection::certificate);
        fresh.is_some_and(|fresh| Some(fresh) != shown.as_deref())
    };
    for _ in 0..3_000 {
        if shows_another() {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    assert!(shows_another(), "the old certificate is still shown");
    // The connection made before is served on.
    old.write(request(APP).as_bytes())?;
    assert_eq!(old.reply("GET")?.status, 200);
    // One that cannot be read changes nothing.
    fs::write(encrypted.house.folder.path().join("app.pem"), "none")?;
    encrypted.house.gateway.process.signal("HUP")?;
    let process = &encrypted.house.gateway.process;
    process.wait_for_line(|line| line.contains("configuration not reloaded"))?;
    assert_eq!(encrypted.status(&client, APP)?, 200);
    Ok(())
}

#[test]
fn attack_25_handshakes_that_do_not_end_are_cut_off() -> Result<(), Failure> {
    let encrypted = Encrypted::open("", POLICY)?;
    let mut silent = Connection::open(encrypted.house.address())?;
    let mut begun = Connection::open(encrypted.house.address())?;
    begun.write(b"\x16\x03\x01\x02\x00\x01")?;
    let mut plain = Connection::open(encrypted.house.address())?;
    plain.write(request(APP).as_bytes())?;
    for connection in [&mut plain, &mut begun, &mut silent] {
        connection.rest()?;
        assert!(connection.ends());
    }
    assert_eq!(encrypted.status(&encrypted.client(APP)?, APP)?, 200);
    assert_eq!(encrypted.upstream.take_recorded().len(), 1);
    Ok(())
}

const WORKLOADS: &str = r#"
endpoints:
  api:
    authentication:
      allow: {clientCertificate: {spiffeIds: [spiffe://example.org/billing]}}
    rules: [{name: workload}]
    responsePolicy: {pass: {headers: {x-workload: "{{ response.workload }}"}}}
rules:
  workload:
    auth: [{match: [{type: certificate}]}]
    responses: {pass: {variables: {workload: auth.input.certificate.spiffeId}}}
routes:
  everything: {endpoint: api, upstream: app}
upstreams:
  app: {targets: [{url: 'http://{upstream}'}]}
"#;

#[test]
fn workloads_are_who_their_certificates_say() -> Result<(), Failure> {
    let more = "      clientAuth: {mode: optional, caFile: authority.pem}\n";
    let encrypted = Encrypted::open(more, WORKLOADS)?;
    let folder = encrypted.house.folder.path();
    let own = |authority: &Authority, stem, names: &[&str]| {
        let certificate = authority.issue(folder, stem, names)?;
        encrypted
            .authority
            .client(APP, &["http/1.1"], Some(&certificate))
    };
    let authority = &encrypted.authority;
    let billing = own(authority, "billing", &["spiffe://example.org/billing"])?;
    let other = own(authority, "other", &["spiffe://example.org/other"])?;
    let two = own(
        authority,
        "two",
        &["spiffe://example.org/billing", "spiffe://example.org/admin"],
    )?;
    assert_eq!(encrypted.status(&billing, APP)?, 200);
    let arrived = encrypted.upstream.take_recorded();
    let workload = arrived
        .first()
        .and_then(|first| first.headers.value("x-workload"));
    assert_eq!(workload.as_deref(), Some("spiffe://example.org/billing"));
    for stranger in [&encrypted.client(APP)?, &other, &two] {
        let status = encrypted.status(stranger, APP)?;
        assert!(matches!(status, 401 | 403), "{status}");
    }
    // Vouched for by somebody else: no connection at all.
    let forged = own(
        &Authority::new()?,
        "forged",
        &["spiffe://example.org/billing"],
    )?;
    assert!(encrypted.status(&forged, APP).is_err());
    assert_eq!(encrypted.upstream.take_recorded(), []);
    Ok(())
}
