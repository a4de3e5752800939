use super::*;

fn compile(entries: &[&str]) -> (TrustedProxies, Vec<Diagnostic>) {
    let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
    let mut findings = Vec::new();
    let path = ConfigPath::root().key("trustedProxyIPs");
    let trusted = TrustedProxies::compile(&entries, &path, &mut findings);
    (trusted, findings)
}

fn trusts(entries: &[&str], address: &str) -> bool {
    let (trusted, findings) = compile(entries);
    assert!(
        findings.iter().all(|finding| !finding.is_error()),
        "{findings:?}"
    );
    trusted.contains(address.parse().unwrap())
}

#[test]
fn networks_and_bare_addresses_are_believed() {
    assert!(trusts(&["10.0.0.0/8"], "10.1.2.3"));
    assert!(!trusts(&["10.0.0.0/8"], "11.1.2.3"));
    assert!(trusts(&["192.0.2.1"], "192.0.2.1"));
    assert!(!trusts(&["192.0.2.1"], "192.0.2.2"));
    assert!(trusts(&["2001:db8::1"], "2001:db8::1"));
    assert!(!trusts(&["2001:db8::1"], "2001:db8::2"));
    assert!(trusts(&["fc00::/7"], "fd00::1"));
    assert!(trusts(&["10.0.0.0/8"], "::ffff:10.1.2.3"));
    assert!(trusts(&["10.0.0.7/8"], "10.1.2.3"));
}

#[test]
fn loopback_is_trusted_only_when_listed() {
    assert!(!trusts(&[], "127.0.0.1"));
    assert!(!trusts(&["10.0.0.0/8"], "::1"));
    assert!(trusts(&["127.0.0.0/8"], "127.0.0.1"));
    assert!(trusts(&["::1"], "::1"));
}

#[test]
fn attack_16_spellings_of_everyone() {
    let unsafe_spellings = [
        "0.0.0.0/0",
        "::/0",
        "1.2.3.4/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "64.0.0.0/2",
        "2000::/3",
        "::ffff:0:0/96",
        "::ffff:0.0.0.0/96",
        "::ffff:10.0.0.0/104",
        "::ffff:127.0.0.1",
    ];
    for entry in unsafe_spellings {
        let (trusted, findings) = compile(&[entry]);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::Unsafe], "{entry}");
        assert!(findings[0].is_error());
        assert_eq!(trusted, TrustedProxies::default());
    }
    // Everything below `::ffff:0:0/96` that is not inside it.
    let (_, findings) = compile(&["::ffff:0:0/95"]);
    assert!(findings.iter().any(Diagnostic::is_error));
}

#[test]
fn every_broken_entry_is_told() {
    let (_, findings) = compile(&["10.0.0.0/8", "10.0.0.0/33", "localhost", "", "10.0.0.1/8"]);
    let told: Vec<_> = findings
        .iter()
        .map(|finding| (finding.path.to_string(), finding.is_error()))
        .collect();
    let path = |index: usize| format!("trustedProxyIPs[{index}]");
    let expected = [
        (path(1), true),
        (path(2), true),
        (path(3), true),
        (path(4), false),
    ];
    assert_eq!(told, expected);
}

fn client(entries: &[&str], chain: &[&str], hops: Option<u8>) -> Result<String, &'static str> {
    let (trusted, _) = compile(entries);
    let chain: Vec<IpAddr> = chain.iter().map(|hop| hop.parse().unwrap()).collect();
    let vouched = trusted.vouched(&chain, hops.and_then(NonZeroU8::new));
    vouched
        .map(|vouched| vouched[0].to_string())
        .map_err(Fault::detail)
}

#[test]
fn the_client_is_the_leftmost_address_behind_trusted_proxies() {
    let own = ["10.0.0.0/8"];
    let check = |chain: &[&str], expected: Result<&str, &str>| {
        assert_eq!(
            client(&own, chain, None).as_deref().map_err(|e| *e),
            expected
        );
    };
    check(&["192.0.2.1"], Ok("192.0.2.1"));
    check(&["192.0.2.1", "10.0.0.1", "10.0.0.2"], Ok("192.0.2.1"));
    check(&["10.0.0.9"], Ok("10.0.0.9"));
    let untrusted = Err("forwarded chain includes untrusted proxy");
    check(&["203.0.113.7", "192.0.2.1"], untrusted);
    check(&["203.0.113.7", "192.0.2.1", "10.0.0.1"], untrusted);
}

#[test]
fn hops_count_from_the_right() {
    let chain = ["203.0.113.7", "192.0.2.1", "10.0.0.1"];
    assert_eq!(client(&[], &chain, Some(1)).as_deref(), Ok("10.0.0.1"));
    assert_eq!(client(&[], &chain, Some(2)).as_deref(), Ok("192.0.2.1"));
    assert_eq!(client(&[], &chain, Some(3)).as_deref(), Ok("203.0.113.7"));
    let short = Err("forwarded chain is shorter than `hops`");
    assert_eq!(client(&[], &chain, Some(4)), short);
}
