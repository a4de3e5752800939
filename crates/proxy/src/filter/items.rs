//! The items of a list in JSON text, where they stand: what is not left out stays as it was written.

use std::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};

/// Steps of a pointer at the most.
const MAX_STEPS: usize = 16;

/// A JSON pointer (RFC 6901), read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Box<[String]>);

/// The items of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Items {
    /// Between the brackets.
    inside: Range<usize>,
    /// Each item, without the blanks around it.
    pub(super) items: Vec<Range<usize>>,
}

/// Why there are no items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoItems {
    /// The text is not JSON.
    #[error("the body is not JSON")]
    Malformed,
    /// The pointer leads to no list.
    #[error("there is no such list")]
    Absent,
    /// A key on the way stands twice: readers disagree about which of the two counts.
    #[error("a key on the way to the list stands twice")]
    Ambiguous,
    /// There are more than allowed.
    #[error("the list is too long")]
    TooMany,
}

impl Pointer {
    /// Reads a pointer.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Box::default()));
        }
        let steps = text.strip_prefix('/')?.split('/');
        let steps: Vec<_> = steps.map(unescaped).collect::<Option<_>>()?;
        (steps.len() <= MAX_STEPS).then(|| Self(steps.into()))
    }

    /// The items of the list that it leads to in `body`, `most` at the most.
    pub(super) fn find(&self, body: &[u8], most: usize) -> Result<Items, NoItems> {
        let mut text = Text { body, at: 0 };
        text.skip_value()?;
        if text.blank().is_some() {
            return Err(NoItems::Malformed);
        }
        let mut at = 0;
        for step in &self.0 {
            at = Text { body, at }.step(step)?;
        }
        Text { body, at }.items(most)
    }
}

impl Items {
    /// The text with those items of which `keeps` says so, by place, and everything around them.
    pub(super) fn keep(&self, body: &[u8], keeps: &[bool]) -> Vec<u8> {
        let part = |range: Range<usize>| body.get(range).unwrap_or_default();
        let mut kept = Vec::with_capacity(body.len());
        kept.extend_from_slice(part(0..self.inside.start));
        let items = self.items.iter().zip(keeps).filter(|(_, keeps)| **keeps);
        for (place, (item, _)) in items.enumerate() {
            if place > 0 {
                kept.push(b',');
            }
            kept.extend_from_slice(part(item.clone()));
        }
        kept.extend_from_slice(part(self.inside.end..body.len()));
        kept
    }
}

/// A step of a pointer; `None` where `~` means nothing.
fn unescaped(step: &str) -> Option<String> {
    let mut text = String::with_capacity(step.len());
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '~' => match letters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            letter => letter,
        });
    }
    Some(text)
}

/// A reader of JSON text. Values are skipped by the parser of `serde_json`, which is strict.
struct Text<'a> {
    body: &'a [u8],
    at: usize,
}

impl Text<'_> {
    /// Where the value below `step` begins.
    fn step(mut self, step: &str) -> Result<usize, NoItems> {
        match self.blank() {
            Some(b'{') => self.member(step),
            Some(b'[') => {
                let place: usize = step.parse().map_err(|_| NoItems::Absent)?;
                let items = self.items(usize::MAX)?;
                let item = items.items.get(place).ok_or(NoItems::Absent)?;
                Ok(item.start)
            }
            _ => Err(NoItems::Absent),
        }
    }

    /// The value of the member called `name`, which stands there once.
    fn member(&mut self, name: &str) -> Result<usize, NoItems> {
        self.at += 1;
        let mut found = None;
        while self.blank() != Some(b'}') {
            let key: String = self.value()?;
            self.expect(b':')?;
            self.blank();
            let at = self.at;
            self.skip_value()?;
            if key == name && found.replace(at).is_some() {
                return Err(NoItems::Ambiguous);
            }
            if self.blank() == Some(b',') {
                self.at += 1;
            }
        }
        found.ok_or(NoItems::Absent)
    }

    /// The items of the list that begins here.
    fn items(mut self, most: usize) -> Result<Items, NoItems> {
        if self.blank() != Some(b'[') {
            return Err(NoItems::Absent);
        }
        self.at += 1;
        let start = self.at;
        let mut items = Vec::new();
        while self.blank() != Some(b']') {
            if items.len() >= most {
                return Err(NoItems::TooMany);
            }
            let at = self.at;
            self.skip_value()?;
            items.push(at..self.at);
            if self.blank() == Some(b',') {
                self.at += 1;
            }
        }
        let inside = start..self.at;
        Ok(Items { inside, items })
    }

    fn expect(&mut self, byte: u8) -> Result<(), NoItems> {
        if self.blank() != Some(byte) {
            return Err(NoItems::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    /// The next byte that is not blank; stops before it.
    fn blank(&mut self) -> Option<u8> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
        self.at += rest.iter().take_while(blank).count();
        self.body.get(self.at).copied()
    }

    fn skip_value(&mut self) -> Result<(), NoItems> {
        self.value::<IgnoredAny>().map(drop)
    }

    /// Reads the value that begins here and stops behind it. Progress is sure: a value has a byte.
    fn value<T: DeserializeOwned>(&mut self) -> Result<T, NoItems> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        let value = values.next().and_then(Result::ok);
        self.at += values.byte_offset();
        value.ok_or(NoItems::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pointer: &str, body: &str, expected: Result<&[&str], NoItems>) {
        let found = Pointer::parse(pointer).unwrap().find(body.as_bytes(), 4);
        let shown = found.map(|found| {
            let items = found.items.into_iter().map(|item| body.get(item).unwrap());
            items.collect::<Vec<_>>()
        });
        let shown = shown.as_ref().map(Vec::as_slice).map_err(|why| *why);
        assert_eq!(shown, expected, "{pointer} in {body}");
    }

    #[test]
    fn lists_are_found_where_pointers_lead() {
        check(
            "",
            "[1, \"a]\", {\"b\": [2]} ]",
            Ok(&["1", "\"a]\"", "{\"b\": [2]}"]),
        );
        check("", " [ ] ", Ok(&[]));
        check(
            "/a/b",
            r#"{"x": 1, "a": {"b" : [null,-1.5e3]}}"#,
            Ok(&["null", "-1.5e3"]),
        );
        check("/a/1/b", r#"{"a": [{}, {"b": [1]}]}"#, Ok(&["1"]));
        check("/a~1b/~0", r#"{"a/b": {"~": [1]}}"#, Ok(&["1"]));
        check("/d", r#"{"\u0064": [1]}"#, Ok(&["1"]));
        for (pointer, body, why) in [
            ("/a", "{}", NoItems::Absent),
            ("/a", r#"{"a": {}}"#, NoItems::Absent),
            ("/a/9", r#"{"a": [1]}"#, NoItems::Absent),
            ("/a/x", r#"{"a": [1]}"#, NoItems::Absent),
            ("", "{\"a\": 1}", NoItems::Absent),
            ("", "[1,2,3,4,5]", NoItems::TooMany),
        ] {
            check(pointer, body, Err(why));
        }
    }

    #[test]
    fn attack_43_text_that_readers_disagree_about_is_refused() {
        for body in [r#"{"a": [1], "a": [2]}"#, r#"{"a": [1], "\u0061": [2]}"#] {
            check("/a", body, Err(NoItems::Ambiguous));
        }
        for body in [
            "",
            "[1",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\": [1],}",
            "{\"a\" [1]}",
            "[1] [2]",
            "[1]x",
            "\u{feff}[1]",
            "[01]",
            "['a']",
            "[1] // c",
        ] {
            let found = Pointer::parse("").unwrap().find(body.as_bytes(), 9);
            assert_eq!(found, Err(NoItems::Malformed), "{body}");
        }
    }

    #[test]
    fn what_is_kept_stays_as_it_was_written() {
        let body = b"{ \"n\": 1.50, \"l\" : [ {\"a\":1e2} ,2, \"x\" ], \"t\": 3 }";
        let items = Pointer::parse("/l").unwrap().find(body, 9).unwrap();
        let keep = |keeps: [bool; 3]| String::from_utf8(items.keep(body, &keeps)).unwrap();
        assert_eq!(
            keep([true, false, true]),
            "{ \"n\": 1.50, \"l\" : [{\"a\":1e2},\"x\"], \"t\": 3 }"
        );
        assert_eq!(keep([false; 3]), "{ \"n\": 1.50, \"l\" : [], \"t\": 3 }");
    }

    #[test]
    fn pointers_are_read_strictly() {
        for text in ["a", "/~", "/~2", "/a/~"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
        assert!(Pointer::parse(&"/a".repeat(16)).is_some());
        assert!(Pointer::parse(&"/a".repeat(17)).is_none());
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(serde_json::Value::from),
            ".{0,4}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn exactly_the_items_left_out_are_missing(
            items in prop::collection::vec((value(), any::<bool>()), 0..6),
            pretty in any::<bool>(),
        ) {
            let (values, keeps): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            let body = serde_json::json!({"n": [1], "l": values, "z": {"l": [2]}});
            let text = if pretty { format!("{body:#}") } else { body.to_string() };
            let found = Pointer::parse("/l").unwrap().find(text.as_bytes(), 9).unwrap();
            let kept: serde_json::Value =
                serde_json::from_slice(&found.keep(text.as_bytes(), &keeps)).unwrap();
            let left = values.iter().zip(&keeps).filter(|(_, keep)| **keep);
            let left: Vec<_> = left.map(|(value, _)| value.clone()).collect();
            prop_assert_eq!(kept, serde_json::json!({"n": [1], "l": left, "z": {"l": [2]}}));
        }

        #[test]
        fn any_bytes_end(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Pointer::parse("/a/0").unwrap().find(&body, 3);
        }
    }
}
