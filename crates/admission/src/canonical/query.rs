//! The query of a request target.

use smallvec::SmallVec;
use smol_str::SmolStr;
use ztag_types::Query;

use super::path::escaped;
use crate::error::Fault;

/// Parameters of one query at the most.
const MAX_PARAMETERS: usize = 256;

/// The parameters of `raw`, decoded as forms are: `&` separates, `+` is a space.
///
/// Refused are invalid percent-encoding, text that is not UTF-8 when decoded, null bytes and
/// literal controls or spaces.
pub fn query(raw: &str) -> Result<Query, Fault> {
    if raw.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return Err(Fault::ambiguous(
            "the query holds a character that no URI may hold",
        ));
    }
    let mut parameters: SmallVec<[(SmolStr, SmolStr); 4]> = SmallVec::new();
    for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
        if parameters.len() == MAX_PARAMETERS {
            return Err(Fault::too_large("too many query parameters"));
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        parameters.push((decode(name)?, decode(value)?));
    }
    Ok(Query(parameters.as_slice().into()))
}

/// The names that a server finds that takes `;` for a separator as well.
pub(crate) fn names_of(raw: &str) -> impl Iterator<Item = SmolStr> {
    let pieces = raw.split(['&', ';']);
    pieces.filter_map(|piece| decode(piece.split('=').next().unwrap_or_default()).ok())
}

fn decode(raw: &str) -> Result<SmolStr, Fault> {
    if !raw.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Ok(SmolStr::new(raw));
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        text.push(match byte {
            b'%' => escaped(rest.next(), rest.next())?,
            b'+' => b' ',
            other => other,
        });
    }
    if text.contains(&0) {
        return Err(Fault::ambiguous("null byte in the query"));
    }
    let text = std::str::from_utf8(&text);
    text.map(SmolStr::new)
        .map_err(|_| Fault::ambiguous("the query is not UTF-8"))
}
