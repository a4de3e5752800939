use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use regex::bytes::Regex;

use super::condition::{Conditions, HeaderCondition, ValuePattern};
use super::pattern::{HostPattern, PathPattern};
use super::places::{Placed, Places};

mod compiling;
mod model;

use model::{Entry, Model};

fn host_pattern() -> impl Strategy<Value = HostPattern> {
    let name = prop::sample::select(vec!["x", "a.x", "b.a.x", "y"]);
    prop_oneof![
        name.clone()
            .prop_map(|name| HostPattern::Exact(name.into())),
        name.prop_map(|name| HostPattern::Below(name.into())),
        Just(HostPattern::Any),
    ]
}

fn path_text() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "ab"]);
    let segments = prop::collection::vec(segment, 0..4);
    (segments, any::<bool>()).prop_map(|(segments, slash)| {
        let tail = if slash || segments.is_empty() {
            "/"
        } else {
            ""
        };
        let mut whole = String::new();
        for segment in segments {
            whole += "/";
            whole += segment;
        }
        whole + tail
    })
}

fn path_pattern() -> impl Strategy<Value = PathPattern> {
    (path_text(), any::<bool>()).prop_map(|(path, below)| {
        let text = if below {
            format!("{}/*", path.trim_end_matches('/'))
        } else {
            path
        };
        PathPattern::parse(&text).unwrap()
    })
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::GET, Method::POST, Method::PUT])
}

fn header_name() -> impl Strategy<Value = HeaderName> {
    let names = ["x-a", "x-b"].map(HeaderName::from_static);
    prop::sample::select(names.to_vec())
}

fn header_condition() -> impl Strategy<Value = HeaderCondition> {
    let value = prop_oneof![
        prop::sample::select(vec!["1", "2"])
            .prop_map(|text| ValuePattern::Literal(HeaderValue::from_static(text))),
        Just(ValuePattern::Regex(Regex::new("^1").unwrap())),
        Just(ValuePattern::Regex(Regex::new("").unwrap())),
    ];
    (header_name(), value).prop_map(|(name, value)| HeaderCondition { name, value })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let methods = prop::collection::vec(method(), 0..3);
    let headers = prop::collection::vec(header_condition(), 0..3);
    (methods, headers, prop::bool::weighted(0.05)).prop_map(|(methods, headers, first)| {
        if first {
            Conditions::first()
        } else {
            Conditions {
                first,
                methods,
                headers,
            }
        }
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        8 => (host_pattern(), path_pattern(), conditions())
            .prop_map(|(host, path, conditions)| Entry::Put(host, path, conditions)),
        1 => (host_pattern(), path_pattern())
            .prop_map(|(host, path)| Entry::Close(host, path.stem())),
        1 => (prop::sample::select(vec!["x", "a.x", ""]), path_pattern())
            .prop_map(|(end, path)| Entry::CloseHosts(end, path.stem())),
    ]
}

prop_compose! {
    fn request()(
        host in prop::sample::select(vec!["x", "a.x", "b.a.x", "c.b.a.x", "ax", "y", "z"]),
        path in path_text(),
        method in method(),
        fields in prop::collection::vec(
            (header_name(), prop::sample::select(vec!["1", "12", "2", "3"])),
            0..3,
        ),
    ) -> (&'static str, String, Method, HeaderMap) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_static(value));
        }
        (host, path, method, headers)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_finds_what_the_plain_reading_of_the_rules_says(
        entries in prop::collection::vec(entry(), 0..12),
        requests in prop::collection::vec(request(), 1..24),
    ) {
        let mut places = Places::default();
        for (value, entry) in entries.iter().enumerate() {
            match entry.clone() {
                Entry::Put(host, path, conditions) => places.put(&host, &path, conditions, value),
                Entry::Close(host, stem) => places.close(&host, &stem, value),
                Entry::CloseHosts(end, stem) => places.close_hosts(end, &stem, value),
            }
        }
        let model = Model(&entries);
        for (host, path, method, headers) in requests {
            let found = match places.find(host, &path, &method, &headers) {
                Placed::Value(value) => Ok(*value),
                Placed::Method(allow) => Err(format!("allow {}", allow.to_str().unwrap())),
                Placed::Ambiguous => Err("ambiguous".into()),
                Placed::Nothing => Err("nothing".into()),
            };
            let located = places.locate(host, &path, &method, &headers);
            // What is told is where it was found; a closed place has no pattern of its own.
            match found.as_ref().ok().and_then(|value| entries.get(*value)) {
                Some(Entry::Put(host, path, conditions)) => {
                    let (own_host, own_path, fitting) = located.unwrap();
                    prop_assert_eq!((&own_host, &own_path), (host, path));
                    prop_assert_eq!(fitting.rank(), conditions.rank());
                }
                _ => prop_assert!(located.is_none()),
            }
            prop_assert_eq!(found, model.find(host, &path, &method, &headers), "{} {}", host, path);
        }
    }
}
