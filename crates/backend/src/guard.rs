//! Which addresses may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use crate::spec::GuardSpec;

/// IPv4 networks that are not public unicast (RFC 6890 and the IANA special-purpose registry).
const PRIVATE_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Link-local, where clouds put their metadata service: 169.254.169.254.
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 31, 196, 0], 24),
    v4([192, 52, 193, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast, reserved and broadcast.
    v4([224, 0, 0, 0], 3),
];

/// The only IPv6 network that holds public unicast addresses (RFC 4291 section 2.4) ...
const GLOBAL_V6: Ipv6Net = v6(0x2000 << 48, 3);

/// ... and the parts of it that do not: protocol assignments with Teredo, documentation, 6to4.
const PRIVATE_V6: [Ipv6Net; 4] = [
    v6(0x2001 << 48, 23),
    v6(0x2001_0db8 << 32, 32),
    v6(0x2002 << 48, 16),
    v6(0x3fff << 48, 20),
];

/// NAT64 (RFC 6052): the last four bytes are an IPv4 address.
const NAT64: Ipv6Net = v6(0x0064_ff9b << 32, 96);

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// `high` is the first half of the address.
const fn v6(high: u64, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_bits((high as u128) << 64), prefix)
}

/// A compiled [`GuardSpec`].
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressGuard {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    deny_private: bool,
}

impl AddressGuard {
    /// Compiles `spec`, standing at `at`. `None` when a network is not one, with a finding each.
    pub(crate) fn compile(
        spec: &GuardSpec,
        at: &ConfigPath,
        findings: &mut Findings,
    ) -> Option<Self> {
        let allow = networks(&spec.allow, &at.key("allow"), findings);
        let deny = networks(&spec.deny, &at.key("deny"), findings);
        Some(Self {
            allow: allow?,
            deny: deny?,
            deny_private: spec.deny_private,
        })
    }

    /// Whether `address` may be called.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let spellings = [Some(address), inner_v4(address)];
        let named_by = |networks: &[IpNet]| {
            let mut known = spellings.iter().flatten();
            known.any(|address| networks.iter().any(|network| network.contains(address)))
        };
        named_by(&self.allow) || !(named_by(&self.deny) || self.deny_private && is_private(address))
    }
}

fn networks(texts: &[String], at: &ConfigPath, findings: &mut Findings) -> Option<Vec<IpNet>> {
    let before = findings.errors();
    let parsed = texts.iter().enumerate().filter_map(|(index, text)| {
        let network = text.parse().or_else(|_| text.parse().map(host_only));
        findings.keep(network.map_err(|_| not_a_network(text, &at.index(index))))
    });
    let networks = parsed.collect();
    (findings.errors() == before).then_some(networks)
}

fn host_only(address: IpAddr) -> IpNet {
    address.into()
}

fn not_a_network(text: &str, at: &ConfigPath) -> Diagnostic {
    Diagnostic::error(Code::InvalidValue, at, format!("`{text}` is not a network"))
        .hint("write it like `10.0.0.0/8`, `fd00::/8` or `192.0.2.7`")
}

/// The IPv4 address that calling this IPv6 one reaches or may reach: mapped, compatible
/// (RFC 4291 section 2.5.5) or behind NAT64.
fn inner_v4(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let [.., high, low] = v6.segments();
    let last = || {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let compatible = v6.segments().iter().take(6).all(|&part| part == 0) && high != 0;
    let inner = v6
        .to_ipv4_mapped()
        .or_else(|| (compatible || NAT64.contains(&v6)).then(last));
    inner.map(IpAddr::V4)
}

fn is_private(address: IpAddr) -> bool {
    match inner_v4(address).unwrap_or(address) {
        IpAddr::V4(v4) => PRIVATE_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => {
            !GLOBAL_V6.contains(&v6) || PRIVATE_V6.iter().any(|network| network.contains(&v6))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(spec: &GuardSpec) -> AddressGuard {
        AddressGuard::compile(spec, &ConfigPath::root(), &mut Findings::new()).unwrap()
    }

    fn list(networks: &[&str]) -> Vec<String> {
        networks.iter().map(|&network| network.to_owned()).collect()
    }

    fn check(spec: &GuardSpec, address: &str, expected: bool) {
        let permitted = guard(spec).permits(address.parse().unwrap());
        assert_eq!(permitted, expected, "{address}");
    }

    #[test]
    fn everything_may_be_called_by_default() {
        for address in ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254", "8.8.8.8"] {
            check(&GuardSpec::default(), address, true);
        }
    }

    #[test]
    fn attack_46_private_ranges_in_every_spelling() {
        let spec = GuardSpec {
            deny_private: true,
            ..GuardSpec::default()
        };
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            check(&spec, address, false);
        }
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            check(&spec, address, true);
        }
    }

    #[test]
    fn allow_outranks_deny() {
        let spec = GuardSpec {
            allow: list(&["10.1.0.0/16", "10.2.0.7"]),
            deny: list(&["0.0.0.0/0", "::/0"]),
            deny_private: true,
        };
        check(&spec, "10.1.2.3", true);
        check(&spec, "::ffff:10.1.2.3", true);
        check(&spec, "10.2.0.7", true);
        check(&spec, "10.2.0.8", false);
        check(&spec, "8.8.8.8", false);
        check(&spec, "2606:4700::1111", false);
    }

    #[test]
    fn deny_sees_through_mapped_addresses() {
        let spec = GuardSpec {
            deny: list(&["192.168.0.0/16"]),
            ..GuardSpec::default()
        };
        check(&spec, "192.168.1.1", false);
        check(&spec, "::ffff:192.168.1.1", false);
        check(&spec, "64:ff9b::192.168.1.1", false);
        check(&spec, "192.169.1.1", true);
    }

    #[test]
    fn every_bad_network_is_found() {
        let spec = GuardSpec {
            allow: list(&["10.0.0.0/33", "10.0.0.0/8"]),
            deny: list(&["example.com", "::1/129"]),
            ..GuardSpec::default()
        };
        let mut findings = Findings::new();
        let at = ConfigPath::root().key("addressGuard");
        assert!(AddressGuard::compile(&spec, &at, &mut findings).is_none());
        let paths: Vec<_> = findings
            .as_slice()
            .iter()
            .map(|found| found.path.to_string())
            .collect();
        let expected = [
            "addressGuard.allow[0]",
            "addressGuard.deny[0]",
            "addressGuard.deny[1]",
        ];
        assert_eq!(paths, expected);
    }
}
