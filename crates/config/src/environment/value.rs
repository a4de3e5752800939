//! The text of a variable as the type its key asks for.

use super::Reason;
use crate::document::Content;
use crate::schema::Shape;

/// Reads `text` as the first type that one of `shapes` takes: text before anything else.
pub(super) fn read(text: &str, shapes: &[Shape<'_>]) -> Result<Content, Reason> {
    let takes = |kind| shapes.iter().any(|shape| shape.holds(kind));
    let untyped = shapes.iter().any(|shape| shape.types().is_empty());
    if takes("string") || untyped {
        return Ok(Content::Text(text.to_owned()));
    }
    let text = text.trim();
    if text.is_empty() && takes("null") {
        return Ok(Content::Null);
    }
    if takes("boolean") {
        return match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Content::Bool(true)),
            "false" => Ok(Content::Bool(false)),
            _ => Err(Reason::Unreadable("`true` or `false`")),
        };
    }
    if takes("integer") {
        let integer = text.parse::<i64>().map(i128::from);
        let integer = integer.or_else(|_| text.parse::<u64>().map(i128::from));
        return integer
            .map(Content::Int)
            .map_err(|_| Reason::Unreadable("an integer"));
    }
    if takes("number") {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        return number
            .map(Content::Float)
            .ok_or(Reason::Unreadable("a number"));
    }
    Err(Reason::NotScalar)
}
