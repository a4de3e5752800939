use super::*;

fn value(text: &str, format: Format) -> serde_json::Value {
    fn json(node: &Node) -> serde_json::Value {
        match &node.content {
            Content::Null => serde_json::Value::Null,
            Content::Bool(value) => (*value).into(),
            Content::Int(value) => i64::try_from(*value).unwrap().into(),
            Content::Float(value) => (*value).into(),
            Content::Text(text) => text.as_str().into(),
            Content::List(items) => items.iter().map(json).collect(),
            Content::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|entry| (entry.key.clone(), json(&entry.node)));
                serde_json::Value::Object(entries.collect())
            }
        }
    }
    json(&format.parse(text, SourceId::FIRST).unwrap())
}

fn refused(text: &str, format: Format) -> (usize, usize, String, Option<String>) {
    let error = format.parse(text, SourceId::FIRST).unwrap_err();
    let (line, column) = error.place.line_column(text);
    (line, column, error.message, error.hint)
}

/// The texts that the values of a document were read from.
fn written(text: &str, format: Format) -> Vec<&str> {
    fn walk<'t>(node: &Node, text: &'t str, found: &mut Vec<&'t str>) {
        match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    found.push(entry.key_place.text(text));
                    walk(&entry.node, text, found);
                }
            }
            Content::List(items) => items.iter().for_each(|item| walk(item, text, found)),
            _ => found.push(node.place.text(text)),
        }
    }
    let mut found = Vec::new();
    walk(
        &format.parse(text, SourceId::FIRST).unwrap(),
        text,
        &mut found,
    );
    found
}

#[test]
fn three_formats_say_the_same() {
    let yaml = "a: {b: [1, true, 'x']}\nc: ~\nd: \"é\\n\"\ne: 1.5\n";
    let json = r#"{"a": {"b": [1, true, "x"]}, "c": null, "d": "\u00e9\n", "e": 1.5}"#;
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(value(yaml, Format::Yaml), expected);
    assert_eq!(value(json, Format::Json), expected);
    let toml = "e = 1.5\nd = \"\\u00e9\\n\"\n[a]\nb = [1, true, 'x']\n";
    let mut expected = expected;
    expected.as_object_mut().unwrap().remove("c");
    assert_eq!(value(toml, Format::Toml), expected);
}

#[test]
fn every_value_knows_its_place() {
    assert_eq!(written("k: [v, 'w']", Format::Yaml), ["k", "v", "'w'"]);
    assert_eq!(written("k = ['v', 2]", Format::Toml), ["k", "'v'", "2"]);
    assert_eq!(
        written(r#"{"k" : ["v\"" , 2.0 ]}"#, Format::Json),
        ["\"k\"", r#""v\"""#, "2.0"]
    );
}

#[test]
fn duplicate_keys_are_refused_with_both_places() {
    let (line, column, message, _) = refused("a:\n  x: 1\n  y: 2\n  x: 3\n", Format::Yaml);
    assert_eq!((line, column), (4, 3));
    assert_eq!(message, "key `x` is already set at line 2, column 3");
    let (line, column, message, _) = refused("{\"x\": 1,\n \"x\": 2}", Format::Json);
    assert_eq!((line, column), (2, 2));
    assert_eq!(message, "key `x` is already set at line 1, column 2");
    assert_eq!(refused("x = 1\nx = 2\n", Format::Toml).0, 2);
}

#[test]
fn words_that_other_readers_take_for_booleans_are_text() {
    assert_eq!(
        value("[no, on, yes, y, NO]", Format::Yaml),
        serde_json::json!(["no", "on", "yes", "y", "NO"])
    );
}

#[test]
fn contract_11_expressions_that_yaml_breaks_get_a_hint() {
    for (text, line) in [
        ("pass:\n  - \"x\" in y\n", 2),
        ("pass:\n  - !has(a.b) || c\n", 2),
        ("pass:\n  - !has(a.b)\n", 2),
        ("x: {{ a.b }} z\n", 1),
        ("pass:\n  - a ? b : c : d\n", 2),
    ] {
        let (at, _, _, hint) = refused(text, Format::Yaml);
        assert_eq!(at, line, "{text}");
        assert!(
            hint.is_some_and(|hint| hint.contains("put quotes")),
            "{text}"
        );
    }
}

#[test]
fn bombs_are_refused() {
    let laugh = |level: usize| {
        let below = level.wrapping_sub(1);
        let item = if level == 0 {
            "x".to_owned()
        } else {
            format!("*a{below}")
        };
        format!("a{level}: &a{level} [{}]\n", vec![item; 10].join(", "))
    };
    let laughs: String = (0..9).map(laugh).collect();
    let deep = "[".repeat(100_000);
    let wide = format!("[{}]", "1,".repeat(MAX_NODES + 1) + "1");
    for format in [Format::Yaml, Format::Json, Format::Toml] {
        assert!(format.parse(&deep, SourceId::FIRST).is_err());
        assert!(format.parse(&laughs, SourceId::FIRST).is_err());
    }
    assert!(Format::Json.parse(&wide, SourceId::FIRST).is_err());
    assert!(Format::Yaml.parse(&wide, SourceId::FIRST).is_err());
    assert!(
        Format::Toml
            .parse(&format!("a = {wide}"), SourceId::FIRST)
            .is_err()
    );
    for depth in [20, 62] {
        let deep = format!("{}1{}", "[{a: ".repeat(depth / 2), "}]".repeat(depth / 2));
        assert!(Format::Yaml.parse(&deep, SourceId::FIRST).is_ok());
    }
    let deep = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    assert!(Format::Json.parse(&deep, SourceId::FIRST).is_err());
    assert!(Format::Yaml.parse(&deep, SourceId::FIRST).is_err());
    assert!(
        Format::Toml
            .parse(&format!("a = {deep}"), SourceId::FIRST)
            .is_err()
    );
}

#[test]
fn an_empty_file_is_an_empty_map() {
    for text in ["", "\n", "# nothing\n"] {
        let node = Format::Yaml.parse(text, SourceId::FIRST).unwrap();
        assert!(node.entries().is_empty());
        assert!(!matches!(node.content, Content::List(_)));
    }
    assert!(Format::Json.parse("", SourceId::FIRST).is_err());
}

#[test]
fn json_is_strict() {
    for text in [
        "{a: 1}",
        "{\"a\": 1,}",
        "{\"a\": 01}",
        "// no\n{}",
        "{} {}",
        "{\"a\": NaN}",
    ] {
        assert!(Format::Json.parse(text, SourceId::FIRST).is_err(), "{text}");
    }
}

mod never_panics {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn on_any_text(text in "\\PC{0,80}", cut in 0_usize..80) {
            let half = crate::place::floor(&text, cut);
            for format in [Format::Yaml, Format::Toml, Format::Json] {
                let _ = format.parse(&text, SourceId::FIRST);
                let _ = format.parse(half, SourceId::FIRST);
            }
        }

        #[test]
        fn on_texts_like_documents(text in "([a-c]|: |- |\\n|  |\"|'|\\[|\\]|\\{|\\}|,|=|&a |\\*a|!|#|\\\\|1|é|<<|\\||>){0,40}") {
            for format in [Format::Yaml, Format::Toml, Format::Json] {
                if let Ok(node) = format.parse(&text, SourceId::FIRST) {
                    let _ = node.decode::<serde_json::Value>();
                }
            }
        }
    }
}
