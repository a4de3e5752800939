//! One violation, or oddity, a line.

use std::io;

use ztag_test_support::h2::{Ending, Frame, Http2, flag, get, kind, literal};

/// Error codes (RFC 9113, section 7).
pub(super) const PROTOCOL: u32 = 1;
pub(super) const FLOW_CONTROL: u32 = 3;
pub(super) const STREAM_CLOSED: u32 = 5;
pub(super) const FRAME_SIZE: u32 = 6;
pub(super) const REFUSED: u32 = 7;
pub(super) const COMPRESSION: u32 = 9;
pub(super) const CALM: u32 = 11;

/// What a client does, and what must come of it.
pub(super) struct Case {
    /// Section and a few words.
    pub(super) name: &'static str,
    /// What is done.
    pub(super) act: fn(&mut Http2) -> io::Result<()>,
    /// What comes of it.
    pub(super) expect: Expect,
    /// Whether it replaces the preface.
    pub(super) is_raw: bool,
}

/// What must come of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// The connection ends with one of these codes, or without a word.
    Connection(&'static [u32]),
    /// The stream ends with one of these codes, or is answered 400, or the connection ends.
    Stream(&'static [u32]),
    /// The request is answered.
    Status(u16),
    /// Nothing at all.
    Ignored,
}

impl Expect {
    /// Whether that came of it. Whoever may end a stream may end the connection (section 5.4.1).
    pub(super) fn holds(self, ending: &Ending) -> bool {
        match (self, ending) {
            (Self::Connection(codes) | Self::Stream(codes), Ending::GoAway(code))
            | (Self::Stream(codes), Ending::Reset(_, code)) => codes.contains(code),
            (Self::Connection(_) | Self::Stream(_), Ending::Closed)
            | (Self::Stream(_), Ending::Status(_, 400 | 431))
            | (Self::Ignored, Ending::Answered) => true,
            (Self::Status(wanted), Ending::Status(_, status)) => wanted == *status,
            _ => false,
        }
    }
}

const fn case(name: &'static str, expect: Expect, act: fn(&mut Http2) -> io::Result<()>) -> Case {
    Case {
        name,
        act,
        expect,
        is_raw: false,
    }
}

const fn raw(name: &'static str, expect: Expect, act: fn(&mut Http2) -> io::Result<()>) -> Case {
    Case {
        is_raw: true,
        ..case(name, expect, act)
    }
}

const CONNECTION: Expect = Expect::Connection(&[PROTOCOL]);
const SIZE: Expect = Expect::Connection(&[FRAME_SIZE, PROTOCOL]);
const COMPRESSED: Expect = Expect::Connection(&[COMPRESSION, PROTOCOL]);
const MALFORMED: Expect = Expect::Stream(&[PROTOCOL]);
const CLOSED: Expect = Expect::Stream(&[STREAM_CLOSED, PROTOCOL]);

/// A request that the gateway answers.
pub(super) fn open(stream: u32) -> Frame {
    get(stream, "app.example.com", "/open", &[])
}

/// A POST that goes on with DATA.
pub(super) fn post(stream: u32, more: &[(&str, &str)]) -> Frame {
    let pseudo = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "app.example.com"),
        (":path", "/open"),
    ];
    let fields: Vec<_> = pseudo.iter().chain(more).copied().collect();
    Frame::headers(stream, flag::END_HEADERS, &literal(&fields))
}

/// A whole request with exactly these fields.
fn fields(fields: &[(&str, &str)]) -> [Frame; 1] {
    let flags = flag::END_HEADERS | flag::END_STREAM;
    [Frame::headers(1, flags, &literal(fields))]
}

/// A whole request with these fields behind the usual ones.
fn with(more: &[(&str, &str)]) -> [Frame; 1] {
    [get(1, "app.example.com", "/hidden", more)]
}

/// A block of fields as bytes of one's own.
fn block(bytes: &[u8]) -> [Frame; 1] {
    [Frame::headers(
        1,
        flag::END_HEADERS | flag::END_STREAM,
        bytes,
    )]
}

/// All cases.
pub(super) const CASES: &[Case] = &[
    // Preface and frames.
    raw(
        "3.4 another preface",
        Expect::Connection(&[PROTOCOL]),
        |h2| {
            h2.send_bytes(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n")?;
            h2.send_bytes(b"\r\n\r\n")
        },
    ),
    // Settings may come late: nothing depends on them, and their defaults are the strictest.
    raw("3.4 no SETTINGS first", Expect::Status(200), |h2| {
        h2.send_bytes(ztag_test_support::h2::PREFACE)?;
        h2.send(&[open(1)])
    }),
    case("4.1 an unknown kind of frame", Expect::Ignored, |h2| {
        h2.send(&[Frame::new(0xee, 0xff, 0, *b"whatever")])
    }),
    case("4.2 a frame beyond the size agreed on", SIZE, |h2| {
        h2.send(&[post(1, &[]), Frame::data(1, 0, &[0; 16_385])])
    }),
    case("4.2 a block beyond the size agreed on", SIZE, |h2| {
        h2.send(&[Frame::headers(1, flag::END_HEADERS, &[0; 16_385])])
    }),
    case(
        "4.3 a frame of another stream inside a block",
        CONNECTION,
        |h2| {
            h2.send(&[
                Frame::headers(1, flag::END_STREAM, b"\x82"),
                Frame::priority(3, 0),
            ])
        },
    ),
    case(
        "4.3 a frame of an unknown kind inside a block",
        CONNECTION,
        |h2| {
            h2.send(&[
                Frame::headers(1, flag::END_STREAM, b"\x82"),
                Frame::new(0xee, 0, 1, []),
            ])
        },
    ),
    // Streams.
    case("5.1 DATA on an idle stream", CONNECTION, |h2| {
        h2.send(&[Frame::data(1, 0, b"x")])
    }),
    case("5.1 RST_STREAM on an idle stream", CONNECTION, |h2| {
        h2.send(&[Frame::reset(1, 8)])
    }),
    case("5.1 WINDOW_UPDATE on an idle stream", CONNECTION, |h2| {
        h2.send(&[Frame::window_update(1, 100)])
    }),
    case("5.1 CONTINUATION on an idle stream", CONNECTION, |h2| {
        h2.send(&[Frame::continuation(1, flag::END_HEADERS, b"\x82")])
    }),
    case("5.1 DATA behind the end of a stream", CLOSED, |h2| {
        h2.send(&[open(1), Frame::data(1, flag::END_STREAM, b"x")])
    }),
    case("5.1 HEADERS behind the end of a stream", CLOSED, |h2| {
        h2.send(&[open(1), open(1)])
    }),
    case("5.1.1 a stream of even number", CONNECTION, |h2| {
        h2.send(&[open(2)])
    }),
    case(
        "5.1.1 a stream of lower number",
        Expect::Connection(&[PROTOCOL, STREAM_CLOSED]),
        |h2| h2.send(&[post(5, &[]), open(3)]),
    ),
    case("5.1.2 PRIORITY opens no stream", Expect::Ignored, |h2| {
        h2.send(&[Frame::priority(1, 0), Frame::priority(7, 1)])
    }),
    // Kinds of frames.
    case("6.1 DATA on stream 0", CONNECTION, |h2| {
        h2.send(&[Frame::data(0, 0, b"x")])
    }),
    case("6.1 padding longer than its frame", CONNECTION, |h2| {
        h2.send(&[post(1, &[]), Frame::data(1, flag::PADDED, b"\x09ab")])
    }),
    case("6.2 HEADERS on stream 0", CONNECTION, |h2| {
        h2.send(&[Frame::headers(0, flag::END_HEADERS, b"\x82")])
    }),
    case("6.2 padding longer than its block", CONNECTION, |h2| {
        h2.send(&[Frame::headers(
            1,
            flag::PADDED | flag::END_HEADERS,
            b"\x09\x82",
        )])
    }),
    case("6.3 PRIORITY on stream 0", CONNECTION, |h2| {
        h2.send(&[Frame::priority(0, 1)])
    }),
    case(
        "6.3 PRIORITY of another size",
        Expect::Stream(&[FRAME_SIZE, PROTOCOL]),
        |h2| h2.send(&[Frame::new(kind::PRIORITY, 0, 1, [0; 4])]),
    ),
    case("6.4 RST_STREAM on stream 0", CONNECTION, |h2| {
        h2.send(&[Frame::reset(0, 8)])
    }),
    case("6.4 RST_STREAM of another size", SIZE, |h2| {
        h2.send(&[post(1, &[]), Frame::new(kind::RST_STREAM, 0, 1, [0; 3])])
    }),
    case("6.5 SETTINGS of an odd size", SIZE, |h2| {
        h2.send(&[Frame::new(kind::SETTINGS, 0, 0, [0; 5])])
    }),
    case("6.5 an answer to SETTINGS that says more", SIZE, |h2| {
        h2.send(&[Frame::new(kind::SETTINGS, flag::ACK, 0, [0; 6])])
    }),
    case("6.5 SETTINGS on a stream", CONNECTION, |h2| {
        h2.send(&[Frame::new(kind::SETTINGS, 0, 1, [])])
    }),
    case("6.5.2 ENABLE_PUSH is neither", CONNECTION, |h2| {
        h2.send(&[Frame::settings(&[(2, 2)])])
    }),
    case(
        "6.5.2 a window too large",
        Expect::Connection(&[FLOW_CONTROL, PROTOCOL]),
        |h2| h2.send(&[Frame::settings(&[(4, 0x8000_0000)])]),
    ),
    case("6.5.2 frames too small", CONNECTION, |h2| {
        h2.send(&[Frame::settings(&[(5, 16_383)])])
    }),
    case("6.5.2 frames too large", CONNECTION, |h2| {
        h2.send(&[Frame::settings(&[(5, 0x100_0000)])])
    }),
    case("6.5.2 an unknown parameter", Expect::Ignored, |h2| {
        h2.send(&[Frame::settings(&[(0xbeef, 7)])])
    }),
    case("6.6 PUSH_PROMISE from a client", CONNECTION, |h2| {
        let promise = [&2_u32.to_be_bytes()[..], b"\x82"].concat();
        h2.send(&[
            post(1, &[]),
            Frame::new(kind::PUSH_PROMISE, flag::END_HEADERS, 1, promise),
        ])
    }),
    case("6.7 PING of another size", SIZE, |h2| {
        h2.send(&[Frame::new(kind::PING, 0, 0, [0; 7])])
    }),
    case("6.7 PING on a stream", CONNECTION, |h2| {
        h2.send(&[Frame::new(kind::PING, 0, 1, [0; 8])])
    }),
    case("6.7 an answer to no PING", Expect::Ignored, |h2| {
        h2.send(&[Frame::new(kind::PING, flag::ACK, 0, *b"nobody's")])
    }),
    case("6.8 GOAWAY on a stream", CONNECTION, |h2| {
        h2.send(&[Frame::new(kind::GOAWAY, 0, 1, [0; 8])])
    }),
    case("6.9 a window grows by nothing", CONNECTION, |h2| {
        h2.send(&[Frame::window_update(0, 0)])
    }),
    case(
        "6.9 the window of a stream grows by nothing",
        MALFORMED,
        |h2| h2.send(&[post(1, &[]), Frame::window_update(1, 0)]),
    ),
    case("6.9 WINDOW_UPDATE of another size", SIZE, |h2| {
        h2.send(&[Frame::new(kind::WINDOW_UPDATE, 0, 0, [0; 3])])
    }),
    case(
        "6.9.1 a window beyond its end",
        Expect::Connection(&[FLOW_CONTROL, PROTOCOL]),
        |h2| {
            h2.send(&[
                Frame::window_update(0, 0x7fff_ffff),
                Frame::window_update(0, 0x7fff_ffff),
            ])
        },
    ),
    case(
        "6.9.1 the window of a stream beyond its end",
        Expect::Stream(&[FLOW_CONTROL]),
        |h2| h2.send(&[post(1, &[]), Frame::window_update(1, 0x7fff_ffff)]),
    ),
    case("6.10 CONTINUATION behind a whole block", CONNECTION, |h2| {
        h2.send(&[
            post(1, &[]),
            Frame::continuation(1, flag::END_HEADERS, b"\x82"),
        ])
    }),
    case("6.10 CONTINUATION on stream 0", CONNECTION, |h2| {
        h2.send(&[
            Frame::headers(1, flag::END_STREAM, b"\x82"),
            Frame::continuation(0, flag::END_HEADERS, b"\x82"),
        ])
    }),
    case("6.10 a block in pieces", Expect::Status(200), |h2| {
        let whole = open(1).payload;
        let (first, second) = whole.split_at(whole.len() / 2);
        h2.send(&[
            Frame::headers(1, flag::END_STREAM, first),
            Frame::continuation(1, 0, b""),
            Frame::continuation(1, flag::END_HEADERS, second),
        ])
    }),
    // Compression (RFC 7541).
    case("HPACK: an index of nothing", COMPRESSED, |h2| {
        h2.send(&block(b"\x80"))
    }),
    case("HPACK: an index beyond the tables", COMPRESSED, |h2| {
        h2.send(&block(b"\xff\xff\x00"))
    }),
    case("HPACK: an integer without end", COMPRESSED, |h2| {
        h2.send(&block(&[0xff; 64]))
    }),
    case("HPACK: a text cut off", COMPRESSED, |h2| {
        h2.send(&block(b"\x00\x05ab"))
    }),
    case("HPACK: padding that is no end of text", COMPRESSED, |h2| {
        h2.send(&block(b"\x82\x86\x84\x01\x81\x00"))
    }),
    case("HPACK: a table larger than agreed on", COMPRESSED, |h2| {
        h2.send(&block(b"\x3f\xe1\xff\x03\x82"))
    }),
    case("HPACK: another table behind a field", COMPRESSED, |h2| {
        h2.send(&block(b"\x82\x20"))
    }),
    // Requests (section 8).
    case("8.1 trailers that end nothing", MALFORMED, |h2| {
        h2.send(&[
            post(1, &[]),
            Frame::headers(1, flag::END_HEADERS, &literal(&[("a", "b")])),
        ])
    }),
    // The words are dropped: nobody behind the gateway can be told them in trailers.
    case(
        "8.1 trailers with words of a request",
        Expect::Status(200),
        |h2| {
            let trailers = literal(&[(":method", "GET")]);
            let flags = flag::END_HEADERS | flag::END_STREAM;
            h2.send(&[post(1, &[]), Frame::headers(1, flags, &trailers)])
        },
    ),
    case("8.1.1 a body shorter than announced", MALFORMED, |h2| {
        h2.send(&[
            post(1, &[("content-length", "9")]),
            Frame::data(1, flag::END_STREAM, b"x"),
        ])
    }),
    case("8.1.1 a body longer than announced", MALFORMED, |h2| {
        h2.send(&[
            post(1, &[("content-length", "1")]),
            Frame::data(1, flag::END_STREAM, b"xyz"),
        ])
    }),
    case("8.1.1 two lengths", MALFORMED, |h2| {
        h2.send(&[
            post(1, &[("content-length", "1"), ("content-length", "2")]),
            Frame::data(1, flag::END_STREAM, b"x"),
        ])
    }),
    case("8.2 a name in upper case", MALFORMED, |h2| {
        h2.send(&with(&[("X-User", "root")]))
    }),
    case("8.2 a name with a space", MALFORMED, |h2| {
        h2.send(&with(&[("x user", "root")]))
    }),
    case("8.2 a name with a colon", MALFORMED, |h2| {
        h2.send(&with(&[("x:user", "root")]))
    }),
    case("8.2.1 a line break in a value", MALFORMED, |h2| {
        h2.send(&with(&[("x-a", "a\r\nx-user: root")]))
    }),
    case("8.2.1 a null byte in a value", MALFORMED, |h2| {
        h2.send(&with(&[("x-a", "a\0b")]))
    }),
    case("8.2.2 a field of connections", MALFORMED, |h2| {
        h2.send(&with(&[("connection", "keep-alive")]))
    }),
    case("8.2.2 chunks", MALFORMED, |h2| {
        h2.send(&with(&[("transfer-encoding", "chunked")]))
    }),
    case("8.2.2 an upgrade", MALFORMED, |h2| {
        h2.send(&with(&[("upgrade", "websocket")]))
    }),
    case("8.2.2 TE with more than trailers", MALFORMED, |h2| {
        h2.send(&with(&[("te", "gzip")]))
    }),
    case("8.3 an unknown word of requests", MALFORMED, |h2| {
        h2.send(&with(&[(":secret", "x")]))
    }),
    case("8.3 a word of replies", MALFORMED, |h2| {
        h2.send(&with(&[(":status", "200")]))
    }),
    case("8.3 a word of requests behind a field", MALFORMED, |h2| {
        h2.send(&fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            ("x-a", "b"),
            (":path", "/hidden"),
            (":authority", "app.example.com"),
        ]))
    }),
    case("8.3.1 no method", MALFORMED, |h2| {
        h2.send(&fields(&[
            (":scheme", "http"),
            (":path", "/hidden"),
            (":authority", "a"),
        ]))
    }),
    case("8.3.1 no path", MALFORMED, |h2| {
        h2.send(&fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
        ]))
    }),
    case("8.3.1 no scheme", MALFORMED, |h2| {
        h2.send(&fields(&[
            (":method", "GET"),
            (":path", "/hidden"),
            (":authority", "a"),
        ]))
    }),
    case("8.3.1 an empty path", MALFORMED, |h2| {
        h2.send(&fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", ""),
            (":authority", "a"),
        ]))
    }),
    case("8.3.1 two paths", MALFORMED, |h2| {
        h2.send(&with(&[(":path", "/open")]))
    }),
    case("8.3.1 two methods", MALFORMED, |h2| {
        h2.send(&with(&[(":method", "POST")]))
    }),
];
