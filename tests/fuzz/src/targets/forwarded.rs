//! Chains of addresses in `X-Forwarded-For` and `Forwarded`.

use std::net::IpAddr;
use std::str;

use ztag_admission::forwarded::{MAX_HOPS, forwarded, x_forwarded_for};

/// Each line of the input is a line of the header. What one parser reads and the other is told in
/// its own form, it reads alike.
pub(crate) fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(chain) = x_forwarded_for(text.lines()) {
        assert!(chain.len() <= MAX_HOPS);
        let spelt: Vec<_> = chain.iter().map(spell).collect();
        let told = (!spelt.is_empty()).then(|| spelt.join(", "));
        assert_eq!(forwarded(told.iter().map(String::as_str)).ok(), Some(chain));
    }
    if let Ok(chain) = forwarded(text.lines()) {
        assert!(chain.len() <= MAX_HOPS);
        let spelt: Vec<_> = chain.iter().map(IpAddr::to_string).collect();
        let told = (!spelt.is_empty()).then(|| spelt.join(", "));
        let again = x_forwarded_for(told.iter().map(String::as_str));
        assert_eq!(again.ok(), Some(chain));
    }
}

fn spell(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("for={address}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\""),
    }
}
