//! `host:port` as written in configuration.

const DEFAULT_PORT: u16 = 6_379;

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(crate) fn parse(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => address.split_at_checked(address.find(':').unwrap_or(address.len()))?,
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None if port.is_empty() => DEFAULT_PORT,
        None => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_optional_ports() {
        let check = |address, expected| assert_eq!(parse(address), expected, "{address}");
        check("redis", Some(("redis", 6_379)));
        check("10.0.0.1:6380", Some(("10.0.0.1", 6_380)));
        check("[::1]", Some(("::1", 6_379)));
        check("[::1]:7", Some(("::1", 7)));
        for bad in [
            "",
            ":6379",
            "redis:",
            "redis:0",
            "redis:65536",
            "redis://redis:6379",
            "[::1]7",
            "[redis]:7",
            "::1",
            "user:secret@redis:6379",
        ] {
            check(bad, None);
        }
    }
}
