//! The network extension: addresses and networks. IPv4 addresses written as IPv6 and addresses
//! with a zone are refused, since they would name one host in two ways.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::val::Val;
use crate::error::EvalError;

const OTHER: &[Kinds] = &[Kinds::OTHER];
const NETWORK_AND: &[Kinds] = &[Kinds::OTHER, Kinds::OTHER.or(Kinds::STRING)];

pub(super) static TABLE: &[Function] = &[
    Function::global(
        "cidr",
        &[Kinds::STRING.or(Kinds::OTHER)],
        Kinds::OTHER,
        cidr,
    ),
    Function::global("ip", &[Kinds::STRING.or(Kinds::OTHER)], Kinds::OTHER, ip),
    Function::global(
        "ip.isCanonical",
        &[Kinds::STRING],
        Kinds::BOOL,
        is_canonical,
    ),
    Function::global("isCIDR", &[Kinds::STRING], Kinds::BOOL, is_cidr),
    Function::global("isIP", &[Kinds::STRING], Kinds::BOOL, is_ip),
    Function::method("containsCIDR", NETWORK_AND, Kinds::BOOL, contains_cidr),
    Function::method("containsIP", NETWORK_AND, Kinds::BOOL, contains_ip),
    Function::method("family", OTHER, Kinds::INT, family),
    Function::method("ip", OTHER, Kinds::OTHER, address_of),
    Function::method("isGlobalUnicast", OTHER, Kinds::BOOL, |_, args| {
        test(args, is_global_unicast)
    }),
    Function::method("isLinkLocalMulticast", OTHER, Kinds::BOOL, |_, args| {
        test(args, is_link_local_multicast)
    }),
    Function::method("isLinkLocalUnicast", OTHER, Kinds::BOOL, |_, args| {
        test(args, is_link_local_unicast)
    }),
    Function::method("isLoopback", OTHER, Kinds::BOOL, |_, args| {
        test(args, IpAddr::is_loopback)
    }),
    Function::method("isUnspecified", OTHER, Kinds::BOOL, |_, args| {
        test(args, IpAddr::is_unspecified)
    }),
    Function::method("masked", OTHER, Kinds::OTHER, masked),
    Function::method("prefixLength", OTHER, Kinds::INT, prefix_length),
];

fn parse_address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    is_plain(&address).then_some(address)
}

fn parse_network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok()?;
    is_plain(&network.addr()).then_some(network)
}

fn is_plain(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => address.to_ipv4_mapped().is_none(),
    }
}

fn ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => address(text.as_str()).map(Val::Ip),
        [Val::Ip(address)] => Ok(Val::Ip(*address)),
        _ => mismatch(),
    }
}

fn address(text: &str) -> Result<IpAddr, EvalError> {
    parse_address(text).ok_or(EvalError::new("text is not an IP address"))
}

fn cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => network(text.as_str()).map(Val::Cidr),
        [Val::Cidr(network)] => Ok(Val::Cidr(*network)),
        _ => mismatch(),
    }
}

fn network(text: &str) -> Result<IpNet, EvalError> {
    parse_network(text).ok_or(EvalError::new("text is not an IP network"))
}

fn is_ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => Ok(Val::Bool(parse_address(text.as_str()).is_some())),
        _ => mismatch(),
    }
}

fn is_cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => Ok(Val::Bool(parse_network(text.as_str()).is_some())),
        _ => mismatch(),
    }
}

fn is_canonical<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => Ok(Val::Bool(
            address(text.as_str())?.to_string() == text.as_str(),
        )),
        _ => mismatch(),
    }
}

fn contains_ip<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Cidr(network), Val::Ip(address)] => Ok(Val::Bool(network.contains(address))),
        [Val::Cidr(network), Val::Str(text)] => {
            Ok(Val::Bool(network.contains(&address(text.as_str())?)))
        }
        _ => mismatch(),
    }
}

fn contains_cidr<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Cidr(outer), Val::Cidr(inner)] => Ok(Val::Bool(outer.contains(inner))),
        [Val::Cidr(outer), Val::Str(text)] => {
            Ok(Val::Bool(outer.contains(&network(text.as_str())?)))
        }
        _ => mismatch(),
    }
}

fn family<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Ip(address)] => Ok(Val::Int(if address.is_ipv4() { 4 } else { 6 })),
        _ => mismatch(),
    }
}

fn address_of<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Cidr(network)] => Ok(Val::Ip(network.addr())),
        _ => mismatch(),
    }
}

fn masked<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Cidr(network)] => Ok(Val::Cidr(network.trunc())),
        _ => mismatch(),
    }
}

fn prefix_length<'a>(_: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Cidr(network)] => Ok(Val::Int(network.prefix_len().into())),
        _ => mismatch(),
    }
}

fn test<'a>(args: &[Val<'a>], test: fn(&IpAddr) -> bool) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Ip(address)] => Ok(Val::Bool(test(address))),
        _ => mismatch(),
    }
}

fn is_global_unicast(address: &IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(broadcast
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || is_link_local_unicast(address))
}

fn is_link_local_multicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [224, 0, 0, _]),
        IpAddr::V6(address) => address
            .segments()
            .first()
            .is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

fn is_link_local_unicast(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
