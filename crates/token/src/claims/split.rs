//! Splitting a payload into its mould and the values that are its own.

use ztag_types::Value;

use super::members::Members;
use super::mould::{Member, Mould, Place};
use super::own::{Own, OwnWriter};
use crate::json;

/// Claims that say something of one token or of its holder (RFC 7519 section 4.1, RFC 7662 section
/// 2.2, RFC 8417 section 2.2, `OpenID` Connect Core 1.0 sections 2, 3.3.2.11 and 5.1, and what
/// issuers write beside them). Nothing is decided by this: it only tells what differs from token to
/// token, and so what is worth keeping apart.
const OWN: &[&str] = &[
    // Of the token and its session.
    "jti",
    "iat",
    "exp",
    "nbf",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
    "sid",
    "session_state",
    "txn",
    "uti",
    // Of its holder.
    "sub",
    "oid",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "username",
    "upn",
    "email",
    "phone_number",
    "picture",
];

/// Longest value kept apart, in bytes. What is longer is no name and no number.
const LONGEST: usize = 4 * 1024;

/// The mould of the object `payload` with these `members`, and the values for its gaps. `None`
/// where a value cannot be read.
pub(super) fn split(payload: &str, members: &Members<'_>) -> Option<(Mould, Own)> {
    let mut splitting = Splitting {
        payload,
        ..Splitting::default()
    };
    for (name, value) in members.iter() {
        splitting.add(name, value)?;
    }
    splitting.finish()
}

#[derive(Default)]
struct Splitting<'p> {
    payload: &'p str,
    /// How many bytes of the payload were read.
    read: usize,
    /// What was read, without what went to `own`.
    text: String,
    gaps: Vec<u16>,
    members: Vec<Member>,
    apart: Vec<Value>,
    own: OwnWriter,
}

impl Splitting<'_> {
    fn add(&mut self, name: &str, value: &str) -> Option<()> {
        // A name with escapes was read into a text of its own.
        let place = match self.position(name) {
            Some(start) => Place::text(start, name.len())?,
            None => self.keep(Value::text(name))?,
        };
        let value = match plain(value) {
            Some(value) if value.len() <= LONGEST && OWN.contains(&name) => self.cut_out(value)?,
            Some(value) => Place::text(self.position(value)?, value.len())?,
            None => self.keep(json::value(value.as_bytes())?)?,
        };
        self.members.push(Member { name: place, value });
        Some(())
    }

    fn keep(&mut self, value: Value) -> Option<Place> {
        let place = Place::apart(self.apart.len());
        self.apart.push(value);
        place
    }

    fn cut_out(&mut self, value: &str) -> Option<Place> {
        let start = offset(self.payload, value)?;
        self.text.push_str(self.payload.get(self.read..start)?);
        self.read = start + value.len();
        self.own.push(value)?;
        self.gaps.push(u16::try_from(self.text.len()).ok()?);
        Place::gap(self.gaps.len() - 1)
    }

    /// Where `piece` of the payload, not read yet, will stand in the text.
    fn position(&self, piece: &str) -> Option<usize> {
        let ahead = offset(self.payload, piece)?.checked_sub(self.read)?;
        Some(self.text.len() + ahead)
    }

    fn finish(mut self) -> Option<(Mould, Own)> {
        self.text.push_str(self.payload.get(self.read..)?);
        let mould = Mould {
            text: self.text.into(),
            gaps: self.gaps.into(),
            members: self.members.into(),
            apart: self.apart.into(),
        };
        Some((mould, self.own.finish()))
    }
}

/// The part of `raw` that is its value as it stands: a text without escapes, or a whole number.
fn plain(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    if let Some(inner) = inner {
        return (!inner.contains('\\')).then_some(inner);
    }
    let is_whole = raw.parse::<i64>().is_ok();
    // `-0` is none to JSON.
    let is_whole = is_whole && matches!(json::value(raw.as_bytes()), Some(Value::Int(_)));
    is_whole.then_some(raw)
}

/// Where `piece` begins if it is a borrowed part of `text`.
fn offset(text: &str, piece: &str) -> Option<usize> {
    let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start.checked_add(piece.len())?;
    (end <= text.len()).then_some(start)
}
