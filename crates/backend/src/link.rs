//! The `Link` header field (RFC 8288 section 3), as far as finding the next page needs it.

/// The target of the first link in `field` whose relations include `next`, as written.
///
/// A link with an `anchor` is about another resource and does not count (section 3.2). Reading
/// stops at the first thing that is no link: what follows cannot be trusted to be one.
pub fn next(field: &[u8]) -> Option<&str> {
    let mut rest = Reader(field);
    loop {
        rest.skip(b" \t,");
        let link = rest.link()?;
        if link.is_next {
            return std::str::from_utf8(link.target).ok();
        }
        rest.skip(b" \t");
        if !rest.eat(b',') {
            return None;
        }
    }
}

/// What is left of the field.
struct Reader<'a>(&'a [u8]);

struct Link<'a> {
    target: &'a [u8],
    is_next: bool,
}

impl<'a> Reader<'a> {
    /// `"<" target ">" *( OWS ";" OWS [ parameter ] )`
    fn link(&mut self) -> Option<Link<'a>> {
        if !self.eat(b'<') {
            return None;
        }
        let target = self.until(|byte| byte == b'>');
        if !self.eat(b'>') {
            return None;
        }
        let mut relation = None;
        let mut anchored = false;
        loop {
            self.skip(b" \t");
            if !self.eat(b';') {
                break;
            }
            self.skip(b" \t");
            let name = self.until(|byte| b"=;, \t".contains(&byte));
            let value = self.value()?;
            anchored |= name.eq_ignore_ascii_case(b"anchor");
            // Of several, only the first counts (section 3.3).
            if name.eq_ignore_ascii_case(b"rel") {
                relation.get_or_insert(value);
            }
        }
        Some(Link {
            target: target.trim_ascii(),
            is_next: !anchored && relation.is_some_and(names_next),
        })
    }

    /// `[ BWS "=" BWS ( token / quoted-string ) ]`; a quoted one without its quotes, escapes kept.
    /// `None` when the quotes never close.
    fn value(&mut self) -> Option<&'a [u8]> {
        self.skip(b" \t");
        if !self.eat(b'=') {
            return Some(b"");
        }
        self.skip(b" \t");
        if !self.eat(b'"') {
            return Some(self.until(|byte| b";, \t".contains(&byte)));
        }
        let mut escaped = false;
        let value = self.until(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        self.eat(b'"').then_some(value)
    }

    /// Takes the bytes before the first that `ends`.
    fn until(&mut self, mut ends: impl FnMut(u8) -> bool) -> &'a [u8] {
        let position = self.0.iter().position(|&byte| ends(byte));
        let (taken, rest) = self.0.split_at(position.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn skip(&mut self, bytes: &[u8]) {
        self.until(|byte| !bytes.contains(&byte));
    }

    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

fn names_next(relations: &[u8]) -> bool {
    relations
        .split(u8::is_ascii_whitespace)
        .any(|relation| relation.eq_ignore_ascii_case(b"next"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::next;

    fn check(field: &str, expected: Option<&str>) {
        assert_eq!(next(field.as_bytes()), expected, "{field}");
    }

    #[test]
    fn the_first_next_wins() {
        check(r#"</2>; rel="next""#, Some("/2"));
        check("</2>; rel=next", Some("/2"));
        check("</2>;rel=NEXT", Some("/2"));
        check(r#"</2> ; REL = "next" ; title="x""#, Some("/2"));
        check(
            r#"</1>; rel="prev", </2>; rel="next", </3>; rel=next"#,
            Some("/2"),
        );
        check(r#"</2>; rel="prev next""#, Some("/2"));
        check(r#"</2>; rel="prev	next last""#, Some("/2"));
        check("< /2 >; rel=next", Some("/2"));
        check("<>; rel=next", Some(""));
        check(", ,</2>; rel=next,", Some("/2"));
    }

    #[test]
    fn quoted_strings_and_targets_may_hold_anything() {
        check(
            r#"</1>; title="a, b; rel=next"; rel=prev, </2>; rel=next"#,
            Some("/2"),
        );
        check(
            r#"</1>; title="\", <x>; rel=next", </2>; rel=next"#,
            Some("/2"),
        );
        check(r#"</1>; title="\\"; rel=next"#, Some("/1"));
        check("</2?a=1,2;b>; rel=next", Some("/2?a=1,2;b"));
        check(
            "</1>; title*=UTF-8''next; rel=prev, </2>; rel=next",
            Some("/2"),
        );
    }

    #[test]
    fn what_is_not_a_next_link_is_none() {
        for field in [
            "",
            "</2>",
            "</2>; rel",
            "</2>; rel=",
            "</2>; rel=prev",
            "</2>; rel=nextpage",
            r#"</2>; rel="x-next""#,
            "</2>; rel=prev; rel=next",
            "</2>; rev=next",
            r##"</2>; anchor="#x"; rel=next"##,
            r#"</1>; title="open, </2>; rel=next"#,
            "</2; rel=next",
            "/2; rel=next",
            "</1>; rel=prev </2>; rel=next",
            "x, </2>; rel=next",
        ] {
            check(field, None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(field: Vec<u8>) {
            let _ = next(&field);
        }

        #[test]
        fn any_mix_of_link_parts_is_read_without_panic(
            field in r#"([<>;,="\\ ]|rel|next|a){0,40}"#
        ) {
            let _ = next(field.as_bytes());
        }

        #[test]
        fn a_written_link_is_read_back(
            target in "[a-z/?=&.]{0,20}",
            title in r#"([a-z ,;<>=]|\\["\\]){0,20}"#,
        ) {
            let field = format!(r#"</x>; title="{title}"; rel=prev, <{target}>; title="{title}"; rel="a next""#);
            prop_assert_eq!(next(field.as_bytes()), Some(&*target));
        }
    }
}
