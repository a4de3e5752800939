//! Rules of the protocol about single fields, and the sentences that clients know them by.

use ztag_fga_store::StoreId;

use crate::failure::Failure;

/// Items of a page where nothing is said.
const DEFAULT_PAGE: usize = 50;
/// Bytes of a continuation token.
const MAX_TOKEN: usize = 5120;

/// What a field must be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A ULID.
    Ulid,
    /// The name of a type.
    Type,
    /// The name of a relation.
    Relation,
    /// An object.
    Object,
    /// A user.
    User,
    /// The name of a condition.
    Condition,
    /// The name of a store.
    StoreName,
}

impl Rule {
    const fn pattern(self) -> &'static str {
        match self {
            Self::Ulid => "^[ABCDEFGHJKMNPQRSTVWXYZ0-9]{26}$",
            Self::Type => r"^[^:#@\\s]{1,254}$",
            Self::Relation => r"^[^:#@\\s]{1,50}$",
            Self::Object | Self::Condition => r"^[^\\s]{2,256}$",
            Self::User => r"^[^\\s]{2,512}$",
            Self::StoreName => r"^[a-zA-Z0-9\\s\\.\\-\\/^_&@]{3,64}$",
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Ulid => StoreId::parse(text).is_some(),
            Self::Type => is_name(text, 254),
            Self::Relation => is_name(text, 50),
            Self::Object | Self::Condition => is_solid(text, 256),
            Self::User => is_solid(text, 512),
            Self::StoreName => {
                let allowed = |c: char| {
                    c.is_ascii_alphanumeric() || " \t\n\u{c}\r".contains(c) || ".-/^_&@".contains(c)
                };
                (3..=64).contains(&text.len()) && text.chars().all(allowed)
            }
        }
    }

    /// Checks the field `field` of the message `message`.
    pub(crate) fn check(self, message: &str, field: &str, text: &str) -> Result<(), Failure> {
        if self.fits(text) {
            return Ok(());
        }
        let pattern = self.pattern();
        let reason = format!("value does not match regex pattern \"{pattern}\"");
        Err(Failure::field(message, field, &reason))
    }

    /// The same, where empty text stands for none.
    pub(crate) fn check_given(self, message: &str, field: &str, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.check(message, field, text)
    }
}

fn is_name(text: &str, max: usize) -> bool {
    let forbidden = |c: char| matches!(c, ':' | '#' | '@') || is_space(c);
    (1..=max).contains(&text.chars().count()) && !text.contains(forbidden)
}

fn is_solid(text: &str, max: usize) -> bool {
    (2..=max).contains(&text.chars().count()) && !text.contains(is_space)
}

/// White space as the patterns mean it.
const fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ')
}

/// The size of a page.
pub(crate) fn page_size(message: &str, size: Option<i32>) -> Result<usize, Failure> {
    let Some(size) = size else {
        return Ok(DEFAULT_PAGE);
    };
    let good = usize::try_from(size).ok();
    let good = good.filter(|size| (1..=100).contains(size));
    let reason = "value must be inside range [1, 100]";
    good.ok_or_else(|| Failure::field(message, "PageSize", reason))
}

/// Bounds a continuation token.
pub(crate) fn token(message: &str, token: &str) -> Result<(), Failure> {
    if token.len() <= MAX_TOKEN {
        return Ok(());
    }
    let reason = format!("value length must be at most {MAX_TOKEN} bytes");
    Err(Failure::field(message, "ContinuationToken", &reason))
}

/// A part that must be there.
pub(crate) fn required<T>(message: &str, field: &str, part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| Failure::field(message, field, "value is required"))
}

/// A list that must not be empty.
pub(crate) fn some<T>(message: &str, field: &str, items: &[T]) -> Result<(), Failure> {
    if items.is_empty() {
        let reason = "value must contain at least 1 item(s)";
        return Err(Failure::field(message, field, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let good = [
            (Rule::Type, "document"),
            (Rule::Relation, "can_view"),
            (Rule::Object, "document:a b".split(' ').next().unwrap()),
            (Rule::User, "user:\u{e9}"),
            (Rule::StoreName, "My store/1 & more"),
            (Rule::Ulid, "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ];
        for (rule, text) in good {
            assert!(rule.fits(text), "{rule:?} {text}");
        }
        let bad = [
            (Rule::Type, ""),
            (Rule::Type, "a:b"),
            (Rule::Relation, "a b"),
            (Rule::Object, "x"),
            (Rule::User, "user: x"),
            (Rule::StoreName, "ab"),
            (Rule::StoreName, "name?"),
            (Rule::Ulid, "x"),
        ];
        for (rule, text) in bad {
            assert!(!rule.fits(text), "{rule:?} {text}");
        }
    }

    #[test]
    fn sentences() {
        let failure = Rule::Relation.check("CheckRequestTupleKey", "Relation", "");
        let body = serde_json::to_value(failure.unwrap_err().body()).unwrap();
        assert_eq!(
            body["message"],
            r#"invalid CheckRequestTupleKey.Relation: value does not match regex pattern "^[^:#@\\s]{1,50}$""#
        );
        assert_eq!(page_size("ReadRequest", None), Ok(50));
        for size in [0, -1, 101] {
            assert!(page_size("ReadRequest", Some(size)).is_err(), "{size}");
        }
    }
}
