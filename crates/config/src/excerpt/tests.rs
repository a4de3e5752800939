use super::*;
use crate::document::Format;
use crate::place::Origin;

fn source(text: &str) -> Source {
    Source {
        origin: Origin::File("f.yaml".to_owned()),
        text: text.to_owned(),
    }
}

fn masked(text: &str) -> String {
    let tree = Format::Yaml.parse(text, SourceId::FIRST).unwrap();
    let secrets = secrets_of(&tree);
    let lines = text.split_inclusive('\n').scan(0, |start, line| {
        let at = *start;
        *start += line.len();
        Some(Place::new(SourceId::FIRST, at..at))
    });
    let source = source(text);
    let cuts: Vec<_> = lines
        .map(|place| cut(&source, place, &secrets).text)
        .collect();
    cuts.join("\n")
}

#[test]
fn carets_stand_under_the_text_meant() {
    let source = source("a: 1\nbé: two words\n");
    let at = source.text.find("words").unwrap();
    let excerpt = cut(&source, Place::new(SourceId::FIRST, at..at + 5), &[]);
    assert_eq!(
        excerpt,
        Excerpt {
            line: 2,
            column: 9,
            text: "bé: two words".to_owned(),
            indent: 8,
            width: 5
        }
    );
}

#[test]
fn secrets_are_masked_wherever_their_line_is_shown() {
    for text in [
        "server:\n  cache: {keySalt: hunter2, redis: {password: 'hunter2'}}\n",
        "server:\n  cache:\n    redis:\n      password: |\n        hunter2\n        hunter2\n",
        "server:\n  cache:\n    redis:\n      address: redis://user:hunter2@host\n",
        "rules:\n  a:\n    auth:\n      - match: [{type: bearer, value: [hunter2]}]\n",
        "rules:\n  a:\n    backendApi:\n      headers: {x-api-key: hunter2, Cookie: \"s=hunter2\"}\n",
    ] {
        let shown = masked(text);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains(MASK), "{shown}");
    }
}

#[test]
fn a_masked_value_still_gets_its_caret() {
    let text = "password: hunter2 # x";
    let secrets = [Place::new(SourceId::FIRST, 10..17)];
    let excerpt = cut(&source(text), secrets[0], &secrets);
    assert_eq!(
        (excerpt.text.as_str(), excerpt.indent, excerpt.width),
        ("password: *** # x", 10, 3)
    );
}

#[test]
fn secrets_in_broken_texts_are_masked_by_their_keys() {
    let text = "a: [\npassword: |\n  hunter2\n\n  hunter2\nother: shown\n";
    let source = source(text);
    let secrets = secrets_in_text(text, SourceId::FIRST);
    for (at, _) in text.match_indices("hunter2") {
        let shown = cut(&source, Place::new(SourceId::FIRST, at..at), &secrets).text;
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let at = text.find("shown").unwrap();
    assert_eq!(
        cut(&source, Place::new(SourceId::FIRST, at..at), &secrets).text,
        "other: shown"
    );
}

#[test]
fn long_lines_are_cropped_around_the_caret() {
    let text = format!("{}X{}", "a".repeat(5_000), "b".repeat(5_000));
    let excerpt = cut(
        &source(&text),
        Place::new(SourceId::FIRST, 5_000..5_001),
        &[],
    );
    assert!(excerpt.text.chars().count() <= MAX_COLUMNS);
    assert_eq!(excerpt.text.chars().nth(excerpt.indent), Some('X'));
}
