//! Which page comes next.

use http::header::LINK;
use url::Url;

use crate::call::{PageReply, Pagination};
use crate::error::{Failure, FailureKind};
use crate::link;
use crate::outbound::check_url;

/// The URL of the page after `pages`, if there is one and it may be fetched.
///
/// INVARIANT: it is on the origin of the first page, for it is asked for with the same credentials.
pub(crate) fn next(pagination: &Pagination, pages: &[PageReply]) -> Result<Option<Url>, Failure> {
    let (Some(first), Some(last)) = (pages.first(), pages.last()) else {
        return Ok(None);
    };
    if !last.status.is_success() || pages.len() >= pagination.max_pages() as usize {
        return Ok(None);
    }
    let Some(mut url) = named(pagination, first, last)? else {
        return Ok(None);
    };
    url.set_fragment(None);
    if origin(&url) != origin(&first.url) {
        return Err(Failure::new(FailureKind::CrossOriginPage));
    }
    check_url(&url)?;
    // A list that leads back to where it was has been read.
    let fresh = pages.iter().all(|page| page.url != url);
    Ok(fresh.then_some(url))
}

fn named(
    pagination: &Pagination,
    first: &PageReply,
    last: &PageReply,
) -> Result<Option<Url>, Failure> {
    match pagination {
        Pagination::None => Ok(None),
        Pagination::Link { .. } => {
            let fields = last.headers.get_all(LINK).iter();
            let mut fields = fields.map(http::HeaderValue::as_bytes);
            Ok(fields
                .find_map(link::next)
                .and_then(|target| last.url.join(target).ok()))
        }
        Pagination::Cursor { cursor, .. } => cursor
            .next(&first.url, &last.url, &last.body)
            .map_err(|error| Failure::because(FailureKind::Protocol, error)),
    }
}

/// Scheme, host and port. Parsed URLs spell each in one way only.
fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;
    use crate::cursor::Cursor;

    const LINK_3: Pagination = Pagination::Link { max_pages: 3 };

    fn page(url: &str, status: u16, link: &str) -> PageReply {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
        PageReply {
            url: Url::parse(url).unwrap(),
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::new(),
        }
    }

    fn check(link: &str, expected: Result<Option<&str>, FailureKind>) {
        let pages = [page("http://b.example/a/list?key=1", 200, link)];
        let next = next(&LINK_3, &pages).map_err(|failure| failure.kind());
        let next = next.as_ref().map(|url| url.as_ref().map(Url::as_str));
        assert_eq!(next, expected.as_ref().copied(), "{link}");
    }

    #[test]
    fn relative_links_are_relative_to_the_page() {
        check(
            "<?page=2>; rel=next",
            Ok(Some("http://b.example/a/list?page=2")),
        );
        check("<2>; rel=next", Ok(Some("http://b.example/a/2")));
        check("</c#f>; rel=next", Ok(Some("http://b.example/c")));
        check(
            "<//b.example:80/c>; rel=next",
            Ok(Some("http://b.example/c")),
        );
        check(
            "<HTTP://B.Example/c>; rel=next",
            Ok(Some("http://b.example/c")),
        );
        check("<http://[/>; rel=next", Ok(None));
    }

    #[test]
    fn defect_03_09_credentials_never_follow_a_link_to_another_origin() {
        for elsewhere in [
            "<http://evil.example/>; rel=next",
            "<https://b.example/a>; rel=next",
            "<http://b.example:8080/a>; rel=next",
            "<http://b.example.evil.example/a>; rel=next",
            "<//evil.example/a>; rel=next",
            "<\\\\evil.example/a>; rel=next",
            "<http://b.example@evil.example/>; rel=next",
            "<file:///etc/passwd>; rel=next",
            "<http://169.254.169.254/latest>; rel=next",
        ] {
            check(elsewhere, Err(FailureKind::CrossOriginPage));
        }
        check(
            "<http://user:secret@b.example/c>; rel=next",
            Err(FailureKind::BadUrl),
        );
    }

    #[test]
    fn pages_seen_before_end_the_list() {
        check("<?key=1>; rel=next", Ok(None));
        let pages = [
            page("http://b/1", 200, "</2>; rel=next"),
            page("http://b/2", 200, "</1#again>; rel=next"),
        ];
        assert_eq!(next(&LINK_3, &pages).unwrap(), None);
    }

    #[test]
    fn bounds_and_bad_statuses_end_the_list() {
        let numbered = |number: usize, status| {
            let link = format!("</{}>; rel=next", number + 1);
            page(&format!("http://b/{number}"), status, &link)
        };
        let mut pages = vec![numbered(1, 200), numbered(2, 201)];
        assert!(next(&LINK_3, &pages).unwrap().is_some());
        pages.push(numbered(3, 200));
        assert!(next(&LINK_3, &pages).unwrap().is_none());
        assert!(next(&LINK_3, &[numbered(1, 500)]).unwrap().is_none());
        assert!(next(&LINK_3, &[numbered(1, 302)]).unwrap().is_none());
        assert!(
            next(&Pagination::Link { max_pages: 0 }, &pages)
                .unwrap()
                .is_none()
        );
        assert!(
            next(&Pagination::None, &[numbered(1, 200)])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_cursor_to_another_origin_is_refused_as_well() {
        let pagination = Pagination::Cursor {
            max_pages: 5,
            cursor: Arc::new(Cursor::new("next", None).unwrap()),
        };
        let mut first = page("http://b/1", 200, "");
        first.body = Bytes::from_static(br#"{"next":"http://evil.example/"}"#);
        let failure = next(&pagination, &[first.clone()]).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::CrossOriginPage);
        first.body = Bytes::from_static(b"<html>");
        let failure = next(&pagination, &[first]).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Protocol);
    }
}
