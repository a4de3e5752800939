//! Headers as balancers send them, and as nobody should.

use super::*;

async fn check(bytes: &[u8], expected: Option<Announced>) {
    let mut sent = bytes.to_vec();
    sent.extend_from_slice(b"REST");
    let mut stream = sent.as_slice();
    let read = read(&mut stream).await.ok();
    assert_eq!(read, expected, "{:?}", String::from_utf8_lossy(bytes));
    if read.is_some() {
        assert_eq!(stream, b"REST", "not a byte more");
    }
}

fn client(source: &str, destination: &str) -> Announced {
    Announced::Client {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

const ITSELF: Option<Announced> = Some(Announced::Itself);

fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn lines_are_read_strictly() {
    let v4 = Some(client("192.0.2.1:56324", "192.0.2.2:443"));
    let v6 = Some(client("[2001:db8::1]:1", "[2001:db8::2]:65535"));
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", v4),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", v6),
        ("PROXY UNKNOWN\r\n", ITSELF),
        ("PROXY UNKNOWN anything at all\r\n", ITSELF),
        ("PROXY TCP6 192.0.2.1 192.0.2.2 56324 443\r\n", None),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n", None),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", None),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", None),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 443 \r\n", None),
        ("PROXY TCP4  192.0.2.1 192.0.2.2 1 443\r\n", None),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", None),
        ("PROXY UDP4 192.0.2.1 192.0.2.2 1 443\r\n", None),
        ("proxy TCP4 192.0.2.1 192.0.2.2 1 443\r\n", None),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ] {
        check(line.as_bytes(), expected).await;
    }
}

#[tokio::test]
async fn binary_headers_are_read_with_their_extensions() {
    let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 0xDC, 4, 1, 0xBB];
    let expected = Some(client("192.0.2.1:56324", "192.0.2.2:443"));
    check(&binary(0x21, 0x11, &v4), expected).await;
    let extended = [&v4[..], &[0x04, 0, 2, 1, 2]].concat();
    check(&binary(0x21, 0x11, &extended), expected).await;
    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    check(&binary(0x21, 0x21, &v6), Some(client("[::1]:3", "[::2]:4"))).await;
    check(&binary(0x20, 0x00, &[]), ITSELF).await;
    check(&binary(0x20, 0x11, &v4), ITSELF).await;
    check(&binary(0x21, 0x00, &[]), ITSELF).await;
    for (command, family, body) in [
        (0x21, 0x11, &v4[..11]),
        (0x21, 0x21, &v4[..]),
        (0x21, 0x12, &v4),
        (0x21, 0x31, &[0; 216]),
        (0x22, 0x11, &v4),
        (0x11, 0x11, &v4),
    ] {
        check(&binary(command, family, body), None).await;
    }
}

#[tokio::test]
async fn attack_25_headers_are_bounded() {
    check(&binary(0x21, 0x11, &[0; 521]), None).await;
    check(&binary(0x20, 0x11, &[0; 520]), ITSELF).await;
    let endless = format!("PROXY UNKNOWN {}", "a".repeat(LONGEST_LINE));
    check(endless.as_bytes(), None).await;
}

#[test]
fn balancers_are_named_narrowly() {
    for (from, sound) in [
        (&["10.0.0.0/8", "192.0.2.1", "fd00::/16"][..], true),
        (&[], false),
        (&["0.0.0.0/0"], false),
        (&["::/0"], false),
        (&["anybody"], false),
    ] {
        let from = from.iter().map(ToString::to_string).collect();
        let spec = ProxyProtocolSpec { from };
        let mut findings = Findings::new();
        let compiled = ProxyProtocol::compile(&spec, &ConfigPath::root(), &mut findings);
        assert_eq!(compiled.is_some(), sound, "{spec:?}");
        assert_eq!(findings.errors() == 0, sound, "{spec:?}");
    }
    let spec = ProxyProtocolSpec {
        from: vec!["192.0.2.0/24".to_owned()],
    };
    let proxies = ProxyProtocol::compile(&spec, &ConfigPath::root(), &mut Findings::new()).unwrap();
    assert!(proxies.trusts("::ffff:192.0.2.9".parse().unwrap()));
    assert!(!proxies.trusts("192.0.3.9".parse().unwrap()));
}
