//! Server-sent events: a stream cut into events, each as it came.
//!
//! After the section "Server-sent events" of the HTML standard: lines end with LF, CR or both, an empty
//! line ends an event, a mark of byte order may begin the stream. JSON Lines are cut by the same means:
//! each line is an event that has nothing but data.

use std::borrow::Cow;
use std::ops::Range;

/// Cuts a stream into events. Each byte is looked at once.
#[derive(Debug)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Where the event begins that has not come whole.
    start: usize,
    looked: usize,
    line_is_empty: bool,
    after_return: bool,
    form: Form,
    limit: usize,
}

/// What ends an event, and where its data stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An empty line; in fields of that name.
    Fields,
    /// The end of a line; it is the data.
    Line,
}

/// An event that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {limit} bytes")]
pub struct TooLong {
    /// Most bytes of an event.
    pub limit: usize,
}

/// One event, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    raw: Vec<u8>,
    form: Form,
}

impl Splitter {
    /// For events of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self::of(Form::Fields, limit)
    }

    /// For lines of at most `limit` bytes.
    pub const fn lines(limit: usize) -> Self {
        Self::of(Form::Line, limit)
    }

    const fn of(form: Form, limit: usize) -> Self {
        Self {
            form,
            buffer: Vec::new(),
            start: 0,
            looked: 0,
            line_is_empty: true,
            after_return: false,
            limit,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event that has come whole.
    ///
    /// # Errors
    ///
    /// More bytes than the limit have come without an end.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(byte) = self.buffer.get(self.looked).copied() {
            self.looked += 1;
            if self.looked - self.start > self.limit {
                return Err(TooLong { limit: self.limit });
            }
            if self.form == Form::Line {
                if byte == b'\n' {
                    return Ok(Some(self.cut()));
                }
                continue;
            }
            let last = self.looked == self.buffer.len();
            if byte == b'\r' && last && self.line_is_empty {
                // Whether LF follows decides what belongs to this event.
                self.looked -= 1;
                break;
            }
            if self.ends_event(byte) {
                self.take_second_half();
                return Ok(Some(self.cut()));
            }
        }
        // Whole events are dropped together: once for what is pushed, not once for each.
        self.buffer.drain(..self.start);
        self.looked -= self.start;
        self.start = 0;
        Ok(None)
    }

    /// The event that the end of the stream completes, because its last byte is a CR. A stream that
    /// ends inside an event ends without it; the last line needs no end.
    pub fn last_event(&mut self) -> Option<Event> {
        let ends = match self.form {
            Form::Fields => self.line_is_empty && self.buffer.get(self.looked..) == Some(b"\r"),
            Form::Line => self.start < self.buffer.len(),
        };
        self.looked = self.buffer.len();
        let event = self.cut();
        self.buffer.clear();
        (self.start, self.looked) = (0, 0);
        ends.then_some(event)
    }

    /// What was looked at since the last event, as one.
    fn cut(&mut self) -> Event {
        let raw = self.buffer.get(self.start..self.looked);
        self.start = self.looked;
        Event {
            raw: raw.unwrap_or_default().to_vec(),
            form: self.form,
        }
    }

    /// Takes the LF of a line end whose CR was the last byte, if it is already there.
    fn take_second_half(&mut self) {
        if self.after_return && self.buffer.get(self.looked) == Some(&b'\n') {
            self.after_return = false;
            self.looked += 1;
        }
    }

    /// Whether `byte` is the end of an empty line.
    fn ends_event(&mut self, byte: u8) -> bool {
        let second = byte == b'\n' && self.after_return;
        self.after_return = byte == b'\r';
        if second {
            // The second half of one line end; what it ends was counted with the first.
            return false;
        }
        let ends_line = matches!(byte, b'\n' | b'\r');
        let ends_event = ends_line && self.line_is_empty;
        self.line_is_empty = ends_line;
        ends_event
    }
}

impl Event {
    /// An event with a name and data.
    pub fn named(name: &str, data: &str) -> Self {
        let mut raw = format!("event: {name}\n").into_bytes();
        write_data(data, &mut raw);
        raw.push(b'\n');
        let form = Form::Fields;
        Self { raw, form }
    }

    /// A line.
    pub fn line(data: &str) -> Self {
        let form = Form::Line;
        let raw = [data.as_bytes(), b"\n"].concat();
        Self { raw, form }
    }

    /// An event that says nothing.
    pub(super) const fn empty() -> Self {
        Self {
            raw: Vec::new(),
            form: Form::Fields,
        }
    }

    /// As it came, with the empty line at its end.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Its data: the values of its `data` lines. Borrowed if there is one. `None` if there is none, or
    /// it is not UTF-8.
    pub fn data(&self) -> Option<Cow<'_, str>> {
        if self.form == Form::Line {
            let line = std::str::from_utf8(&self.raw)
                .ok()?
                .trim_end_matches(['\n', '\r']);
            return (!line.is_empty()).then_some(Cow::Borrowed(line));
        }
        let mut lines = self.data_lines();
        let first = self.value(lines.next()?)?;
        let Some(second) = lines.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut data = first.to_owned();
        for line in std::iter::once(second).chain(lines) {
            data.push('\n');
            data.push_str(self.value(line)?);
        }
        Some(Cow::Owned(data))
    }

    /// Whether every line has a meaning that is known: a comment, or a field of UTF-8.
    pub fn is_text(&self) -> bool {
        std::str::from_utf8(&self.raw).is_ok()
    }

    /// The same event with other data. Every other line stays as it is.
    #[must_use]
    pub fn with_data(&self, data: &str) -> Self {
        if self.form == Form::Line {
            return Self::line(data);
        }
        let mut raw = Vec::with_capacity(self.raw.len() + data.len());
        let mut written = false;
        for line in Lines::of(&self.raw) {
            let is_data = is_data(self.raw.get(line.clone()).unwrap_or_default());
            if !is_data {
                let end = line_end(&self.raw, line.end);
                raw.extend_from_slice(self.raw.get(line.start..end).unwrap_or_default());
            } else if !written {
                write_data(data, &mut raw);
                written = true;
            }
        }
        let form = self.form;
        Self { raw, form }
    }

    fn data_lines(&self) -> impl Iterator<Item = Range<usize>> {
        Lines::of(&self.raw).filter(|line| is_data(self.raw.get(line.clone()).unwrap_or_default()))
    }

    /// The value of the field that stands in `line`.
    fn value(&self, line: Range<usize>) -> Option<&str> {
        let line = std::str::from_utf8(self.raw.get(line)?).ok()?;
        let value = line.split_once(':').map_or("", |(_, value)| value);
        Some(value.strip_prefix(' ').unwrap_or(value))
    }
}

fn is_data(line: &[u8]) -> bool {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    line == b"data" || line.starts_with(b"data:")
}

fn write_data(data: &str, raw: &mut Vec<u8>) {
    // A return inside would end the line for the reader.
    for line in data.split(['\n', '\r']) {
        raw.extend_from_slice(b"data: ");
        raw.extend_from_slice(line.as_bytes());
        raw.push(b'\n');
    }
}

/// Where lines stand, their ends left out.
struct Lines<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    const fn of(raw: &'a [u8]) -> Self {
        Self { raw, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let line = self.at..self.at + length.unwrap_or(rest.len());
        self.at = line_end(self.raw, line.end);
        Some(line)
    }
}

/// Behind the line end that stands at `at`, if one does.
fn line_end(raw: &[u8], at: usize) -> usize {
    let rest = raw.get(at..).unwrap_or_default();
    at + match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}
