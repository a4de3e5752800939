//! HTTP/1.1 messages as they are on the wire: nothing is normalised, nothing is refused.

use std::io::{self, BufRead, ErrorKind, Read};

/// Bytes of one message head or body that are read at most.
const LIMIT: usize = 4 * 1024 * 1024;

/// Header lines in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of the only line named `name`; several lines are joined with `, `.
    pub fn value(&self, name: &str) -> Option<String> {
        let lines: Vec<&str> = self.lines(name).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The values of all lines named `name`, letter case ignored.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |line: &&(String, String)| line.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// All lines as name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn is(&self, name: &str, token: &str) -> bool {
        self.lines(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

/// The start line and the header lines of one message.
pub(crate) struct Head {
    /// The first line without its end.
    pub(crate) start: String,
    /// The lines after it.
    pub(crate) headers: Headers,
}

/// Which body follows a head that announces none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unframed {
    /// Nothing, as in requests.
    Empty,
    /// Everything up to the end of the connection, as in responses.
    UntilClose,
}

/// Reads one head; `None` when the peer closed before sending any of it.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(start) = read_line(reader)? else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Head {
        start,
        headers: Headers(headers),
    }))
}

/// Reads the body that `headers` announce (RFC 9112, section 6.3).
pub(crate) fn read_body(
    reader: &mut impl BufRead,
    headers: &Headers,
    unframed: Unframed,
) -> io::Result<Vec<u8>> {
    if headers.is("transfer-encoding", "chunked") {
        return read_chunks(reader);
    }
    let length = headers
        .value("content-length")
        .and_then(|value| value.parse::<usize>().ok());
    let mut body = Vec::new();
    match (length, unframed) {
        (Some(length), _) => {
            body.resize(length.min(LIMIT), 0);
            reader.read_exact(&mut body)?;
        }
        (None, Unframed::Empty) => {}
        (None, Unframed::UntilClose) => {
            limited(reader).read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData)?;
        let start = body.len();
        if start + size > LIMIT {
            return Err(ErrorKind::InvalidData.into());
        }
        if size > 0 {
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk)?;
            body.append(&mut chunk);
        }
        // The end of the chunk's line, or of the (absent) trailer section.
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn limited<R: BufRead>(reader: &mut R) -> io::Take<&mut R> {
    reader.take(LIMIT as u64)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    limited(reader).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    while line.ends_with(b"\n") || line.ends_with(b"\r") {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        let mut reader = message.as_bytes();
        let head = read_head(&mut reader).unwrap().unwrap();
        let body = read_body(&mut reader, &head.headers, Unframed::UntilClose).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn reads_each_framing() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc");
        check("HTTP/1.1 200 OK\r\n\r\nabcd", "abcd");
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n",
            "abcd",
        );
    }
}
