//! Which peers may speak for others, and for whom they speak.

use std::net::IpAddr;
use std::num::NonZeroU8;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use ztag_types::{Code, ConfigPath, Diagnostic};

use crate::error::Fault;

/// The networks whose proxies are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies(Box<[IpNet]>);

/// Networks with shorter prefixes hold so many strangers that somebody meant something else.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 7;

impl TrustedProxies {
    /// Compiles the entries found at `path`.
    pub(crate) fn compile(
        entries: &[String],
        path: &ConfigPath,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut networks = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            match network(entry, &path.index(index)) {
                Ok((network, warning)) => {
                    networks.push(network);
                    findings.extend(warning);
                }
                Err(finding) => findings.push(finding),
            }
        }
        Self(networks.into())
    }

    /// Whether `address` is one of theirs. IPv4 is IPv4 also where IPv6 maps it.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The part of a non-empty `chain` from the client on.
    ///
    /// The client is the n-th address from the right when `hops` says so, else the leftmost one,
    /// and then every other must be a trusted proxy.
    pub(crate) fn vouched<'c>(
        &self,
        chain: &'c [IpAddr],
        hops: Option<NonZeroU8>,
    ) -> Result<&'c [IpAddr], Fault> {
        let Some(hops) = hops else {
            let proxies = chain.iter().skip(1);
            return if proxies.copied().all(|proxy| self.contains(proxy)) {
                Ok(chain)
            } else {
                Err(Fault::forwarded("forwarded chain includes untrusted proxy"))
            };
        };
        let from = chain.len().checked_sub(hops.get().into());
        from.and_then(|from| chain.get(from..))
            .ok_or(Fault::forwarded("forwarded chain is shorter than `hops`"))
    }
}

fn network(text: &str, path: &ConfigPath) -> Result<(IpNet, Option<Diagnostic>), Diagnostic> {
    let text = text.trim();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| {
            let message = format!("`{text}` is not an address or network");
            Diagnostic::error(Code::InvalidValue, path, message)
                .hint("write `192.0.2.1`, `10.0.0.0/8` or `fd00::/8`")
        })?,
    };
    check_width(network, text, path)?;
    let spare = (network.addr() != network.network()).then(|| {
        let message = format!("`{text}` has bits set behind its prefix");
        Diagnostic::warning(Code::InvalidValue, path, message)
            .hint(format!("write `{}`", network.trunc()))
    });
    Ok((network.trunc(), spare))
}

fn check_width(network: IpNet, text: &str, path: &ConfigPath) -> Result<(), Diagnostic> {
    let refuse = |message: String, hint: &str| {
        Err(Diagnostic::error(Code::Unsafe, path, message).hint(hint))
    };
    match network {
        IpNet::V4(network) if is_wide_v4(network) => refuse(
            format!("`{text}` trusts a large part of all addresses"),
            "name the networks of the proxies themselves",
        ),
        IpNet::V6(network) if maps_v4(network) => refuse(
            format!("`{text}` spells IPv4 addresses as IPv6"),
            "write IPv4 networks in their own form, such as `10.0.0.0/8`",
        ),
        IpNet::V6(network) if network.prefix_len() < SHORTEST_V6 => refuse(
            format!("`{text}` trusts a large part of all addresses"),
            "name the networks of the proxies themselves",
        ),
        IpNet::V4(_) | IpNet::V6(_) => Ok(()),
    }
}

const fn is_wide_v4(network: Ipv4Net) -> bool {
    network.prefix_len() < SHORTEST_V4
}

/// Whether the network lies in or is the head of `::ffff:0:0/96` or `::/96`.
fn maps_v4(network: Ipv6Net) -> bool {
    network.addr().to_ipv4_mapped().is_some() && network.prefix_len() >= SHORTEST_V6
}

#[cfg(test)]
mod tests;
