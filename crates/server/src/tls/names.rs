//! Which certificate serves which name.

use std::collections::HashMap;

/// Certificates, as positions in a list, by the names they are for.
#[derive(Debug, Default)]
pub(super) struct Names {
    exact: HashMap<String, Vec<usize>>,
    /// `*.example.com` as `example.com`: a wildcard stands for exactly one label
    /// (RFC 9525 section 6.3).
    wildcard: HashMap<String, Vec<usize>>,
}

impl Names {
    /// Lets `certificate` serve `name`, which may begin with `*.`.
    pub(super) fn insert(&mut self, name: &str, certificate: usize) {
        let name = name.to_ascii_lowercase();
        let (map, key) = match name.strip_prefix("*.") {
            Some(rest) => (&mut self.wildcard, rest.to_owned()),
            None => (&mut self.exact, name),
        };
        let serving = map.entry(key).or_default();
        if !serving.contains(&certificate) {
            serving.push(certificate);
        }
    }

    /// The certificates for `name`, in lower case and without a trailing dot; those that spell
    /// it out before those with a wildcard. Empty when there is none.
    pub(super) fn find(&self, name: &str) -> &[usize] {
        let by_wildcard = || self.wildcard.get(name.split_once('.')?.1);
        let found = self.exact.get(name).or_else(by_wildcard);
        found.map_or(&[], Vec::as_slice)
    }
}

/// The name in an authority such as `Example.com.:443`, as certificates write it. `None` for
/// addresses, which SNI cannot carry.
pub(super) fn host_of(authority: &str) -> Option<String> {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    (!is_address && !host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_come_before_wildcards_and_wildcards_stand_for_one_label() {
        let mut names = Names::default();
        names.insert("*.Example.com", 0);
        names.insert("api.example.com", 1);
        names.insert("api.example.com", 2);
        for (name, expected) in [
            ("api.example.com", &[1, 2][..]),
            ("www.example.com", &[0]),
            ("a.www.example.com", &[]),
            ("example.com", &[]),
            ("com", &[]),
            ("", &[]),
        ] {
            assert_eq!(names.find(name), expected, "{name}");
        }
    }

    #[test]
    fn hosts_are_read_as_certificates_write_them() {
        for (authority, expected) in [
            ("Example.com", Some("example.com")),
            ("example.com.:443", Some("example.com")),
            ("127.0.0.1:80", None),
            ("[::1]:80", None),
            ("", None),
            (":80", None),
        ] {
            assert_eq!(host_of(authority).as_deref(), expected, "{authority}");
        }
    }
}
