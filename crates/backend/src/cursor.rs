//! The next page as a token or URL inside a JSON body.

use bytes::Bytes;
use serde_json::Value;
use url::{Url, form_urlencoded};

/// The body does not hold what the pointer promises.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CursorError {
    #[error("the body of a page is not JSON")]
    Body(#[source] serde_json::Error),
    #[error("the cursor of a page is neither text nor a whole number")]
    Token,
    #[error("the cursor of a page is not a URL")]
    Target(#[source] url::ParseError),
}

/// Where a page says how to reach the next one, and how to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    steps: Box<[Box<str>]>,
    parameter: Option<Box<str>>,
}

impl Cursor {
    /// `pointer` is a JSON pointer (RFC 6901, `/meta/next`) or a dotted path (`meta.next`).
    ///
    /// With `parameter`, what stands there is a token, put into that query parameter of the first
    /// URL. Without, it is the URL of the next page, absolute or relative. `null`, `false`, an
    /// empty text and nothing at all mean that there is no next page.
    ///
    /// `None` when the pointer names nothing: it is empty, has an empty step in a dotted path or
    /// a bad escape.
    pub fn new(pointer: &str, parameter: Option<&str>) -> Option<Self> {
        let steps = match pointer.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescape).collect::<Option<_>>()?,
            None => pointer.split('.').map(plain).collect::<Option<_>>()?,
        };
        Some(Self {
            steps,
            parameter: parameter.map(Into::into),
        })
    }

    /// The URL of the page after `page`, whose body is `body`.
    pub(crate) fn next(
        &self,
        first: &Url,
        page: &Url,
        body: &Bytes,
    ) -> Result<Option<Url>, CursorError> {
        if body.is_empty() {
            return Ok(None);
        }
        let document: Value = serde_json::from_slice(body).map_err(CursorError::Body)?;
        let Some(token) = self.token(&document)? else {
            return Ok(None);
        };
        match &self.parameter {
            Some(parameter) => Ok(Some(with_parameter(first, parameter, &token))),
            None => page.join(&token).map(Some).map_err(CursorError::Target),
        }
    }

    fn token(&self, document: &Value) -> Result<Option<String>, CursorError> {
        match self
            .steps
            .iter()
            .try_fold(document, |value, step| descend(value, step))
        {
            None | Some(Value::Null | Value::Bool(false)) => Ok(None),
            Some(Value::String(token)) if token.trim().is_empty() => Ok(None),
            Some(Value::String(token)) => Ok(Some(token.clone())),
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(_) => Err(CursorError::Token),
        }
    }
}

fn plain(step: &str) -> Option<Box<str>> {
    (!step.is_empty()).then(|| step.into())
}

/// Undoes the escapes of RFC 6901 section 3: `~1` is `/`, `~0` is `~`.
fn unescape(step: &str) -> Option<Box<str>> {
    let mut letters = step.chars();
    let mut plain = String::with_capacity(step.len());
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '~' => match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain.into())
}

fn descend<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(step),
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// `url` with `name` set to `value` in its query, whatever it was before. The other parameters
/// stay as they are spelled.
fn with_parameter(url: &Url, name: &str, value: &str) -> Url {
    let is_other = |pair: &&str| {
        let parsed = form_urlencoded::parse(pair.as_bytes()).next();
        parsed.is_some_and(|(own, _)| own != name)
    };
    let mut query = String::new();
    for pair in url.query().unwrap_or_default().split('&').filter(is_other) {
        query.push_str(pair);
        query.push('&');
    }
    let start = query.len();
    let mut query = form_urlencoded::Serializer::for_suffix(query, start);
    query.append_pair(name, value);
    let mut next = url.clone();
    next.set_query(Some(&query.finish()));
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pointer: &str, parameter: Option<&str>, body: &str, expected: Option<&str>) {
        let first = Url::parse("http://b/list?q=1&page=0").unwrap();
        let page = Url::parse("http://b/list/2?x=y").unwrap();
        let cursor = Cursor::new(pointer, parameter).unwrap();
        let next = cursor.next(&first, &page, &Bytes::copy_from_slice(body.as_bytes()));
        assert_eq!(
            next.ok().flatten().as_ref().map(Url::as_str),
            expected,
            "{pointer} {body}"
        );
    }

    #[test]
    fn tokens_go_into_the_first_url() {
        let url = Some("http://b/list?q=1&page=abc%26");
        check("/next", Some("page"), r#"{"next":"abc&"}"#, url);
        check("next", Some("page"), r#"{"next":"abc&"}"#, url);
        check(
            "meta.next",
            Some("page"),
            r#"{"meta":{"next":"abc&"}}"#,
            url,
        );
        check("/a~1b/0/~0", Some("page"), r#"{"a/b":[{"~":"abc&"}]}"#, url);
        check(
            "next",
            Some("page"),
            r#"{"next":7}"#,
            Some("http://b/list?q=1&page=7"),
        );
        check(
            "next",
            Some("p"),
            r#"{"next":7}"#,
            Some("http://b/list?q=1&page=0&p=7"),
        );
    }

    #[test]
    fn other_parameters_keep_their_spelling() {
        let cursor = Cursor::new("next", Some("p q")).unwrap();
        let body = Bytes::from_static(br#"{"next":"3"}"#);
        for (first, expected) in [
            ("http://b/", "http://b/?p+q=3"),
            ("http://b/?a=%20+%2f&&b", "http://b/?a=%20+%2f&b&p+q=3"),
            ("http://b/?p%20q=1&p+q=2&p=4", "http://b/?p=4&p+q=3"),
        ] {
            let first = Url::parse(first).unwrap();
            let next = cursor.next(&first, &first, &body).unwrap().unwrap();
            assert_eq!(next.as_str(), expected);
        }
    }

    #[test]
    fn urls_are_relative_to_the_page() {
        check("next", None, r#"{"next":"3"}"#, Some("http://b/list/3"));
        check("next", None, r#"{"next":"/c?d"}"#, Some("http://b/c?d"));
        check("next", None, r#"{"next":"http://e/f"}"#, Some("http://e/f"));
    }

    #[test]
    fn the_last_page_names_none() {
        for end in [
            "{}",
            r#"{"next":null}"#,
            r#"{"next":" "}"#,
            r#"{"next":false}"#,
            "[]",
            "",
        ] {
            check("next", Some("page"), end, None);
        }
    }

    #[test]
    fn a_cursor_that_cannot_be_followed_is_an_error_not_an_end() {
        let url = Url::parse("http://b/").unwrap();
        let cursor = Cursor::new("next", None).unwrap();
        for body in [
            "{",
            r#"{"next":{}}"#,
            r#"{"next":true}"#,
            r#"{"next":1.5}"#,
            r#"{"next":"http://"}"#,
        ] {
            assert!(
                cursor
                    .next(&url, &url, &Bytes::from_static(body.as_bytes()))
                    .is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn pointers_that_name_nothing_are_refused() {
        for pointer in ["", "a..b", ".a", "/a~2", "/a~"] {
            assert_eq!(Cursor::new(pointer, None), None, "{pointer}");
        }
    }
}
