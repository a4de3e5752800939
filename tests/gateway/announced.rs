//! Clients that a balancer announces by the PROXY protocol.

use std::net::SocketAddrV4;

use ztag_test_support::{Connection, Failure, MockServer, proxy_v1, proxy_v2};

use crate::house::{House, POLICY};

const REQUEST: &[u8] = b"GET /open HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n";

fn client() -> SocketAddrV4 {
    SocketAddrV4::new([203, 0, 113, 9].into(), 4711)
}

fn server() -> SocketAddrV4 {
    SocketAddrV4::new([192, 0, 2, 1].into(), 443)
}

fn open(upstream: &MockServer, balancers: &str) -> Result<House, Failure> {
    let policy = POLICY.replace("{upstream}", &upstream.address().to_string());
    let listen = format!("    proxyProtocol: {{from: [{balancers}]}}\n%%\n");
    let limits = "  limits: {headerTimeout: 1s}\n";
    House::open(tempfile::tempdir()?, limits, &(listen + &policy))
}

fn status(house: &House, bytes: &[u8]) -> Result<Option<u16>, Failure> {
    let mut connection = Connection::open(house.address())?;
    connection.write(bytes)?;
    Ok(connection.reply("GET").ok().map(|reply| reply.status))
}

#[test]
fn the_announced_client_is_the_client() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = open(&upstream, "127.0.0.1")?;
    let type_length_value = [0x04, 0, 3, 1, 2, 3];
    for header in [
        proxy_v1(client(), server()),
        proxy_v2(client(), server(), &[]),
        proxy_v2(client(), server(), &type_length_value),
    ] {
        let talk = [&header[..], REQUEST].concat();
        assert_eq!(status(&house, &talk)?, Some(200), "{header:?}");
        let [arrived] = &upstream.take_recorded()[..] else {
            return Err(Failure::new("not one request arrived"));
        };
        let chain = arrived.headers.value("x-forwarded-for");
        assert_eq!(chain.as_deref(), Some("203.0.113.9"), "{header:?}");
    }
    Ok(())
}

#[test]
fn attack_16_nobody_else_announces_clients() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = open(&upstream, "10.0.0.0/8")?;
    for header in [
        proxy_v1(client(), server()),
        proxy_v2(client(), server(), &[]),
        Vec::new(),
    ] {
        let talk = [&header[..], REQUEST].concat();
        let answered = status(&house, &talk).ok().flatten();
        assert_eq!(answered, None, "{header:?}");
    }
    assert_eq!(upstream.take_recorded(), []);
    Ok(())
}

#[test]
fn attack_11_announcements_that_are_none_end_the_connection() -> Result<(), Failure> {
    let upstream = MockServer::application()?;
    let house = open(&upstream, "127.0.0.1")?;
    let twice = [proxy_v1(client(), server()), proxy_v1(client(), server())].concat();
    for header in [
        // A balancer announces every connection.
        Vec::new(),
        b"PROXY TCP4 203.0.113.9\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.999 192.0.2.1 1 2\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 1 65536\r\n".to_vec(),
        b"PROXY TCP6 203.0.113.9 192.0.2.1 1 2\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\n".to_vec(),
        [&b"PROXY "[..], &[b'x'; 600], b"\r\n"].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c0123456789ab".to_vec(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x02ab".to_vec(),
        twice,
    ] {
        let talk = [&header[..], REQUEST].concat();
        let answered = status(&house, &talk).ok().flatten();
        assert!(
            matches!(answered, None | Some(400)),
            "{header:?}: {answered:?}"
        );
    }
    // What never comes to its end is cut off.
    let mut silent = Connection::open(house.address())?;
    silent.write(b"PROXY TCP4 203.0")?;
    assert!(silent.ends());
    assert_eq!(upstream.take_recorded(), []);
    Ok(())
}
