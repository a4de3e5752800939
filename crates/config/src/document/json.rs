//! JSON: judged by `serde_json`, then read once more for the places, which it does not give.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::{Census, Content, Entry, Node, SyntaxError, duplicate_key};
use crate::place::{Place, SourceId, offset};

/// Reads one JSON document.
pub(super) fn parse(text: &str, source: SourceId) -> Result<Node, SyntaxError> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let at = offset(text, error.line(), error.column());
        return Err(SyntaxError {
            place: Place::new(source, at..at),
            message: without_position(&error.to_string()),
            hint: None,
        });
    }
    let mut reader = Reader {
        text,
        source,
        at: 0,
        census: Census::default(),
    };
    reader.value(0)
}

fn without_position(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    message.get(..end).unwrap_or(message).to_owned()
}

/// Reads text that is known to be JSON; surprises still end in an error, never in a panic.
struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    at: usize,
    census: Census,
}

impl<'t> Reader<'t> {
    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.skip_space();
        let start = self.at;
        self.census
            .admit(depth)
            .map_err(|message| self.refuse(start, message))?;
        let content = match self.peek() {
            Some(b'{') => Content::Map(self.object(depth + 1)?),
            Some(b'[') => Content::List(self.array(depth + 1)?),
            Some(b'"') => Content::Text(self.string()?),
            _ => self.scalar()?,
        };
        Ok(Node {
            content,
            place: Place::new(self.source, start..self.at),
        })
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Entry>, SyntaxError> {
        let mut entries = Vec::new();
        let mut seen: HashMap<String, Place> = HashMap::new();
        self.at += 1;
        while self.more(b'}') {
            let start = self.at;
            let key = self.string()?;
            let key_place = Place::new(self.source, start..self.at);
            if let Some(first) = seen.insert(key.clone(), key_place) {
                return Err(self.refuse(start, duplicate_key(&key, self.text, first)));
            }
            self.skip_space();
            self.at += 1;
            let node = self.value(depth)?;
            entries.push(Entry {
                key,
                key_place,
                node,
            });
        }
        Ok(entries)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        self.at += 1;
        while self.more(b']') {
            items.push(self.value(depth)?);
        }
        Ok(items)
    }

    /// Steps over a comma or the closing bracket; whether another item follows.
    fn more(&mut self, close: u8) -> bool {
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space();
        }
        match self.peek() {
            Some(found) if found == close => {
                self.at += 1;
                false
            }
            found => found.is_some(),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut escaped = false;
        let inner = self.rest().bytes().skip(1);
        let len = inner.take_while(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            !ends
        });
        self.at += len.count() + 2;
        self.decode(start)
    }

    fn scalar(&mut self) -> Result<Content, SyntaxError> {
        let start = self.at;
        let ends = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
        let len = self.rest().find(ends).unwrap_or(self.rest().len());
        self.at += len;
        let number: serde_json::Value = self.decode(start)?;
        Ok(match number {
            serde_json::Value::Null => Content::Null,
            serde_json::Value::Bool(value) => Content::Bool(value),
            serde_json::Value::Number(number) => {
                let integer = number.as_i64().map(i128::from);
                match integer.or_else(|| number.as_u64().map(i128::from)) {
                    Some(integer) => Content::Int(integer),
                    None => Content::Float(number.as_f64().unwrap_or(f64::MAX)),
                }
            }
            _ => return Err(self.refuse(start, String::from("expected a value"))),
        })
    }

    fn decode<T: serde::de::DeserializeOwned>(&self, start: usize) -> Result<T, SyntaxError> {
        let slice = self.text.get(start..self.at).unwrap_or("");
        serde_json::from_str(slice)
            .map_err(|error| self.refuse(start, without_position(&error.to_string())))
    }

    fn refuse(&self, start: usize, message: String) -> SyntaxError {
        SyntaxError {
            place: Place::new(self.source, start..self.at.max(start)),
            message,
            hint: None,
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }
}
