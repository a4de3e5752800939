//! Tests of selectors, trees and rewriting.

use proptest::prelude::*;
use ztag_types::{ConfigPath, Findings};

use super::spec::SelectionSpec;
use super::{ExtractSpec, Extractor, Preset, Refused, Selector};
use crate::Channel;

fn extractor(preset: Preset) -> Extractor {
    let spec = ExtractSpec {
        presets: vec![preset],
        ..ExtractSpec::default()
    };
    let mut findings = Findings::new();
    let extractor = Extractor::compile(&spec, &ConfigPath::root(), &mut findings);
    extractor.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn own(select: &str) -> Extractor {
    Extractor::new(
        vec![(Selector::compile(select).unwrap(), Channel::User)],
        1 << 20,
    )
}

fn texts(extractor: &Extractor, body: &str) -> Vec<(Channel, String)> {
    let texts = extractor.read(body.as_bytes()).unwrap();
    let texts = texts
        .iter()
        .map(|text| (text.channel, texts.decoded(text).into_owned()));
    texts.collect()
}

#[test]
fn selectors_mean_what_they_say() {
    let body = r#"{"a":"1","b":{"a":"2","c":["3",{"a":"4","role":"user","x":"5"},{"role":"bot","x":"6"}]}}"#;
    for (select, expected) in [
        ("$", &["1", "2", "3", "4", "user", "5", "bot", "6"][..]),
        ("$.a", &["1"]),
        ("$['a']", &["1"]),
        ("$.A", &["1"]),
        ("$.b.a", &["2"]),
        ("$..a", &["1", "2", "4"]),
        ("$..['a']", &["1", "2", "4"]),
        ("$.b.c[0]", &["3"]),
        ("$.b.c[*].x", &["5", "6"]),
        ("$.*.a", &["2"]),
        ("$.b.c[?@.role=='user'].x", &["5"]),
        ("$.b.c[?(@.role == \"user\")].x", &["5"]),
        ("$.b.c[?@.role!='user']", &["3", "bot", "6"]),
        ("$..[?@.role=='bot'].x", &["6"]),
        ("$..*", &["1", "2", "3", "4", "user", "5", "bot", "6"]),
        ("$.nothing", &[]),
    ] {
        let found: Vec<_> = texts(&own(select), body)
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(found, expected, "{select}");
    }
}

#[test]
fn selectors_that_are_not_understood_say_where() {
    for (select, at) in [
        ("a", 0),
        ("$.", 1),
        ("$..", 1),
        ("$.a[", 3),
        ("$.a[-1]", 3),
        ("$.a[1:2]", 3),
        ("$[?@.a=='b' && @.c=='d']", 1),
        ("$[?@.a>'b']", 1),
        ("$['a", 1),
    ] {
        let error = Selector::compile(select).unwrap_err();
        assert_eq!(error.at, at, "{select}");
    }
    assert!(Selector::compile(&format!("${}", ".a".repeat(40))).is_err());
}

#[test]
fn chats_are_read_by_role() {
    let body = r#"{"model":"m","messages":[
        {"role":"system","content":"be nice"},
        {"content":"hello \u00e9","role":"user"},
        {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"http://i"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]},
        {"role":"tool","content":"42"},
        {"role":"stranger","content":"who am i"}],
        "tools":[{"type":"function","function":{"name":"f","description":"does f"}}]}"#;
    let found = texts(&extractor(Preset::OpenaiChat), body);
    let channel = |text: &str| {
        found
            .iter()
            .find(|(_, t)| t == text)
            .map(|(channel, _)| *channel)
    };
    for (text, expected) in [
        ("be nice", Channel::System),
        ("hello é", Channel::User),
        ("look", Channel::User),
        ("http://i", Channel::User),
        ("{\"a\":1}", Channel::Output),
        ("42", Channel::Tool),
        ("who am i", Channel::User),
        ("does f", Channel::ToolDescription),
    ] {
        assert_eq!(channel(text), Some(expected), "{text}");
    }
    assert_eq!(channel("m"), None);
}

#[test]
fn tool_results_are_no_words_of_the_user() {
    let body = r#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[
        {"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"from a tool"}]},
        {"type":"document","source":{"type":"text","data":"from a page"}},
        {"type":"text","text":"from me"}]}]}"#;
    let found = texts(&extractor(Preset::AnthropicMessages), body);
    for expected in [
        (Channel::System, "s"),
        (Channel::Tool, "from a tool"),
        (Channel::Document, "from a page"),
        (Channel::User, "from me"),
    ] {
        let expected = (expected.0, expected.1.to_owned());
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
}

#[test]
fn every_preset_compiles_and_lists_of_tools_are_read_whole() {
    for preset in Preset::ALL {
        extractor(preset);
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"n","inputSchema":{"properties":{"p":{"description":"deep","enum":["e"]}}}}]}}"#;
    let found = texts(&extractor(Preset::McpLists), body);
    for text in ["n", "deep", "e"] {
        assert!(
            found.contains(&(Channel::ToolDescription, text.to_owned())),
            "{text}"
        );
    }
}

#[test]
fn rewriting_leaves_every_other_byte() {
    let body = br#" { "a" : "x\u0041\ny" , "n":1.50e+2,"b":["k","x"] } "#;
    let extractor = own("$");
    let texts = extractor.read(body).unwrap();
    let same = texts.rewrite(|_, _| None);
    assert_eq!(&*same, body);
    let new = texts.rewrite(|_, text| text.starts_with('x').then(|| format!("<\"{text}\">")));
    let expected = "{ \"a\" : \"<\\\"xA\\ny\\\">\" , \"n\":1.50e+2,\"b\":[\"k\",\"<\\\"x\\\">\"] }";
    assert_eq!(String::from_utf8_lossy(&new).trim(), expected);
}

#[test]
fn attack_43_ambiguous_bodies_are_refused() {
    let extractor = own("$..content");
    for body in [
        r#"{"content":"a","content":"b"}"#,
        r#"{"content":"a","conten\u0074":"b"}"#,
        r#"{"content":"\ud800"}"#,
        r#"{"content":"a"}{"content":"b"}"#,
        r#"{"content":"a",}"#,
        r#"{"content":'a'}"#,
        r#"{content:"a"}"#,
        r#"{"content":"a" /* b */}"#,
        r#"{"a":01}"#,
        r#"{"a":NaN}"#,
        "{\"content\":\"a\nb\"}",
        "\u{feff}{\"content\":\"a\"}",
        "",
    ] {
        assert!(extractor.read(body.as_bytes()).is_err(), "{body}");
    }
    assert!(extractor.read(b"{\"content\":\"\xff\"}").is_err());
    let deep = "[".repeat(500) + &"]".repeat(500);
    assert_eq!(
        extractor.read(deep.as_bytes()).unwrap_err(),
        Refused::TooDeep
    );
    let found = texts(
        &extractor,
        r#"{"Content":"a","CONTENT":"b","c\u006fntent":"c"}"#,
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn broken_specs_say_where() {
    let spec = ExtractSpec {
        texts: vec![SelectionSpec {
            select: "messages".to_owned(),
            channel: Channel::User,
        }],
        max_bytes: 0,
        ..ExtractSpec::default()
    };
    let mut findings = Findings::new();
    assert!(Extractor::compile(&spec, &ConfigPath::root(), &mut findings).is_none());
    let paths: Vec<_> = findings
        .as_slice()
        .iter()
        .map(|d| d.path.to_string())
        .collect();
    assert_eq!(paths, ["texts[0].select", "maxBytes"]);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,8}".prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map("[a-c]{1,3}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn strings(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        serde_json::Value::Object(members) => members.values().for_each(|m| strings(m, into)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn trees_read_what_serde_reads(value in json()) {
        for body in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let extractor = own("$");
            let texts = extractor.read(body.as_bytes()).unwrap();
            let found: Vec<_> = texts.iter().map(|text| texts.decoded(text).into_owned()).collect();
            let mut expected = Vec::new();
            strings(&value, &mut expected);
            prop_assert_eq!(&found, &expected);
            let turned = texts.rewrite(|_, text| Some(text.chars().rev().collect()));
            let again: serde_json::Value = serde_json::from_slice(&turned).unwrap();
            let mut reversed = Vec::new();
            strings(&again, &mut reversed);
            let expected: Vec<String> = expected.iter().map(|t| t.chars().rev().collect()).collect();
            prop_assert_eq!(reversed, expected);
        }
    }

    #[test]
    fn what_serde_refuses_is_refused(body in "[\\[\\]{}\":,0-9a-e.\\\\ \\-+truefalsn]{0,24}") {
        if own("$").read(body.as_bytes()).is_ok() {
            let read = serde_json::from_str::<serde_json::Value>(&body);
            prop_assert!(read.is_ok(), "{} {:?}", body, read);
        }
    }
}
