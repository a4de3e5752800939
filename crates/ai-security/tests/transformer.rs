//! A guardrail that asks a classifier about marked texts.

#![cfg(test)]
#![cfg(feature = "transformer")]

use std::sync::Arc;

use serde_json::{Value as Json, json};
use ztag_ai_security::guardrail::{Digests, Guardrail, GuardrailSpec, Judgement, Reading};
use ztag_ai_security::stream::{Stopped, TextGuard};
use ztag_ai_security::transformer::{Classifier, LoadError, ModelFiles, TransformerSpec};
use ztag_ai_security::{Channel, Origin, Verdict};
use ztag_test_support::classifier::{Shape, TOKENIZER, model};
use ztag_types::{ConfigPath, Findings};

fn load(shape: Shape, settings: Json) -> Result<Classifier, LoadError> {
    let spec: TransformerSpec = serde_json::from_value(settings).unwrap();
    let files = ModelFiles {
        model: &model(shape),
        tokenizer: TOKENIZER.as_bytes(),
    };
    Classifier::load(&files, &spec.settings())
}

/// Documents are marked, whatever they say; what users say is allowed.
fn guardrail(transformer: &Json) -> Guardrail {
    let spec = json!({
        "injection": {"channels": {
            "document": {"mark": 0.0, "block": 1.0},
            "tool": {"mark": 0.0, "block": 0.0},
            "output": {"mark": 0.0, "block": 1.0, "atMost": "mark"},
            "user": {"mark": 1.0, "block": 1.0},
        }},
        "spotlight": "lines",
        "transformer": transformer,
    });
    let spec: GuardrailSpec = serde_json::from_value(spec).unwrap();
    let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
    Guardrail::compile(&spec, digests, &at, &mut Findings::new()).unwrap()
}

fn spec(more: Json) -> Json {
    let mut spec = json!({
        "model": "m.onnx", "tokenizer": "t.json", "maxTokens": 16, "clearAt": 0.1, "deadline": "60s",
    });
    let Json::Object(more) = more else {
        panic!("an object");
    };
    spec.as_object_mut().unwrap().extend(more);
    spec
}

/// Asks a classifier of this shape.
fn asking(shape: Shape, more: Json) -> Guardrail {
    let spec = spec(more);
    let classifier = load(shape, spec.clone()).unwrap();
    guardrail(&spec).with_classifier(Arc::new(classifier))
}

/// Reads texts as whoever embeds a guardrail does; returns what is said of them and how they go on.
fn read(guardrail: &Guardrail, texts: &[(&str, Channel)]) -> (Judgement, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let paused = guardrail.begin().pause();
    let mut reading = guardrail.resume(guardrail.asking(&paused).unwrap_or_default());
    let mut read = Vec::new();
    let mut all = |reading: &mut Reading<'_>| {
        let texts = texts.iter();
        read = texts
            .map(|(text, channel)| reading.read(text, *channel, "text").into_owned())
            .collect();
    };
    all(&mut reading);
    if let Some(questions) = reading.questions() {
        let paused = runtime.block_on(guardrail.ask(questions, paused));
        reading = guardrail.resume(paused);
        all(&mut reading);
    }
    (reading.finish().0, read)
}

#[test]
fn attack_52_marked_texts_are_blocked_cleared_or_stay() {
    for shape in [Shape::AnyLength, Shape::Sixteen] {
        let guardrail = asking(shape, json!({}));
        for (text, verdict) in [
            ("the weather is fine today", Verdict::Allow),
            ("perhaps the weather is fine", Verdict::Mark),
            ("this is an attack of hay fever", Verdict::Block),
        ] {
            let (judgement, read) = read(&guardrail, &[(text, Channel::Document)]);
            assert_eq!(judgement.verdict, verdict, "{shape:?}: {text}");
            let asked = &judgement.asked;
            let is = |expected| usize::from(verdict == expected);
            assert_eq!((asked.texts, asked.failed), (1, 0));
            assert_eq!(asked.blocked, is(Verdict::Block));
            assert_eq!(asked.cleared, is(Verdict::Allow));
            // What is cleared goes on as it came.
            assert_eq!(read[0] == text, verdict != Verdict::Mark, "{}", read[0]);
            let first = judgement.findings.first();
            let origin = first.map(|found| found.finding.origin.clone());
            let told = (verdict != Verdict::Allow).then_some(Origin::Transformer);
            assert_eq!(origin, told);
        }
    }
}

#[test]
fn it_is_asked_in_the_band_only() {
    let guardrail = asking(Shape::AnyLength, json!({}));
    let attack = "an attack of hay fever";
    for (channel, asked, verdict) in [
        // Allowed, blocked, marked.
        (Channel::User, 0, Verdict::Allow),
        (Channel::Tool, 0, Verdict::Block),
        (Channel::Document, 1, Verdict::Block),
        // At most marked, and this is not cleared.
        (Channel::Output, 1, Verdict::Mark),
    ] {
        let (judgement, _) = read(&guardrail, &[(attack, channel)]);
        assert_eq!(judgement.asked.texts, asked, "{channel}");
        assert_eq!(judgement.verdict, verdict, "{channel}");
    }
    // Where something blocks already, nobody is asked about the rest.
    let both = [(attack, Channel::Document), (attack, Channel::Tool)];
    assert_eq!(read(&guardrail, &both).0.asked.texts, 0);
    // With a wider band, allowed texts are asked about, too.
    let wider = asking(Shape::AnyLength, json!({"askFrom": 0.0}));
    let (judgement, _) = read(&wider, &[(attack, Channel::User)]);
    assert_eq!(judgement.verdict, Verdict::Block);
    assert_eq!(
        read(&wider, &[("hi there", Channel::User)]).0.verdict,
        Verdict::Allow
    );
    // Where nothing could follow, nobody is asked.
    let strict = asking(Shape::AnyLength, json!({"clearAt": null}));
    assert_eq!(read(&strict, &[(attack, Channel::Output)]).0.asked.texts, 0);
}

#[test]
fn attack_52_nobody_to_ask_and_no_time_block_or_stay_marked() {
    let text = [("the weather is fine today", Channel::Document)];
    for (mode, verdict) in [("block", Verdict::Block), ("mark", Verdict::Mark)] {
        let absent = guardrail(&spec(json!({"onFailure": mode})));
        let late = asking(
            Shape::AnyLength,
            json!({"onFailure": mode, "deadline": "1ns"}),
        );
        for guardrail in [absent, late] {
            let (judgement, _) = read(&guardrail, &text);
            assert_eq!(judgement.verdict, verdict, "{mode}");
            assert_eq!((judgement.asked.texts, judgement.asked.failed), (1, 1));
            let report = judgement.report(&"g".into(), false).consulted.unwrap();
            assert_eq!((report.asked, report.failed), (1, 1));
        }
    }
}

#[test]
fn attack_52_more_texts_than_may_be_asked_about_are_not_let_through() {
    let guardrail = asking(Shape::AnyLength, json!({}));
    let texts: Vec<String> = (0..40).map(|index| format!("fine day {index}")).collect();
    let texts: Vec<_> = texts
        .iter()
        .map(|text| (&**text, Channel::Document))
        .collect();
    let (judgement, _) = read(&guardrail, &texts);
    assert_eq!(judgement.verdict, Verdict::Block);
    assert_eq!((judgement.asked.texts, judgement.asked.failed), (40, 24));
}

#[test]
fn attack_52_long_texts_are_read_in_windows_and_only_cleared_when_read_whole() {
    let fine = "the weather is fine today and tomorrow ";
    for (text, windows, verdict) in [
        (fine.repeat(6), 8, Verdict::Allow),
        (fine.repeat(60), 4, Verdict::Mark),
        (fine.repeat(5) + "attack", 8, Verdict::Block),
        // Too far behind, and nothing said where to look.
        (fine.repeat(60) + "attack", 2, Verdict::Mark),
    ] {
        let guardrail = asking(Shape::AnyLength, json!({"maxWindows": windows}));
        let (judgement, _) = read(&guardrail, &[(&text, Channel::Document)]);
        assert_eq!(judgement.verdict, verdict, "{} bytes", text.len());
        let is_whole = judgement.asked.unasked == 0;
        assert_eq!(is_whole, text.len() < 300, "{}", judgement.asked.unasked);
    }
}

/// Reads a stream as whoever passes one on does: what was held passes when the classifier lets it.
fn stream(
    guardrail: &Guardrail,
    text: &str,
    by: usize,
) -> (Result<(), Stopped>, String, Judgement) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let paused = guardrail.asking_streamed(guardrail.begin().pause());
    let (mut guard, mut reading, mut passed) =
        (TextGuard::new(), guardrail.resume(paused), Vec::new());
    let mut heed = |reading: &mut Reading<'_>, mut held: Vec<u8>| {
        if let Some(questions) = reading.questions() {
            let answers = runtime.block_on(guardrail.answers(questions));
            reading.heed(&answers)?;
        }
        passed.append(&mut held);
        Ok(())
    };
    let mut all = || {
        for piece in text.as_bytes().chunks(by) {
            let mut out = Vec::new();
            guard.push(piece, &mut reading, &mut out)?;
            heed(&mut reading, out)?;
        }
        let mut out = Vec::new();
        guard.finish(&mut reading, &mut out)?;
        heed(&mut reading, out)
    };
    let ended = all();
    (
        ended,
        String::from_utf8(passed).unwrap(),
        reading.finish().0,
    )
}

/// Marks whatever a model says, and asks whether it is blocked.
fn strict(more: Json) -> Guardrail {
    let spec = spec(more);
    let classifier = load(Shape::AnyLength, spec.clone()).unwrap();
    let whole = json!({
        "injection": {"channels": {"output": {"mark": 0.0, "block": 1.0}}},
        "transformer": spec,
    });
    let whole: GuardrailSpec = serde_json::from_value(whole).unwrap();
    let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
    let made = Guardrail::compile(&whole, digests, &at, &mut Findings::new()).unwrap();
    made.with_classifier(Arc::new(classifier))
}

const FINE: &str = "the weather is fine today and tomorrow ";

#[test]
fn attack_52_a_stream_ends_where_the_classifier_says_so() {
    let sure = strict(json!({"maxWindows": 64}));
    for (before, words, after) in [(60, "", 0), (30, "an attack ", 60), (2, "an attack", 0)] {
        let text = [&*FINE.repeat(before), words, &FINE.repeat(after)].concat();
        let blocked = !words.is_empty();
        for by in [1, 100, text.len()] {
            let (ended, passed, judgement) = stream(&sure, &text, by);
            assert_eq!(ended.is_err(), blocked, "{} by {by}", text.len());
            assert!(text.starts_with(&passed));
            assert_eq!(judgement.verdict == Verdict::Block, blocked);
            assert_eq!((judgement.asked.failed, judgement.asked.cleared), (0, 0));
            assert_eq!(judgement.asked.blocked, usize::from(blocked));
            let told = judgement.findings.iter();
            assert!(
                told.map(|own| &own.finding.origin)
                    .any(|own| *own == Origin::Transformer)
            );
        }
    }
}

#[test]
fn attack_52_a_stream_goes_on_without_an_answer_only_where_it_may() {
    for (mode, blocked) in [("block", true), ("mark", false)] {
        let late = strict(json!({"deadline": "1ns", "onFailure": mode}));
        let (ended, _, judgement) = stream(&late, FINE, 7);
        let failed = judgement.asked.failed;
        assert_eq!((ended.is_err(), failed), (blocked, 1), "{mode}");
        // More questions than one answer may have.
        let patient = strict(json!({"maxWindows": 64, "onFailure": mode}));
        let (ended, _, judgement) = stream(&patient, &FINE.repeat(300), 512);
        let failed = judgement.asked.failed;
        assert_eq!((ended.is_err(), failed > 0), (blocked, true), "{mode}");
        assert_eq!(judgement.asked.texts - failed, 16);
    }
    // By default answers are marked at the most: there is nothing to ask.
    let lenient = asking(Shape::AnyLength, json!({}));
    let (ended, _, judgement) = stream(&lenient, "an attack of hay fever", 5);
    assert_eq!((ended, judgement.asked.texts), (Ok(()), 0));
}

#[test]
fn models_that_are_no_classifiers_of_texts_are_refused() {
    let sound = json!({"maxTokens": 16});
    assert!(load(Shape::Sixteen, sound.clone()).is_ok());
    for (shape, settings, message) in [
        (
            Shape::Pictures,
            sound.clone(),
            "the model has an input `pixel_values`",
        ),
        (
            Shape::LabelsOfTokens,
            sound,
            "the model answers in the shape [1, 1, 2]",
        ),
        (
            Shape::AnyLength,
            json!({"output": "scores"}),
            "the model has no output `scores`",
        ),
        (
            Shape::AnyLength,
            json!({"attackLabels": [1, 2]}),
            "the model has 2 labels, there is no label 2",
        ),
    ] {
        let error = load(shape, settings).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    // One that reads texts of one length is read with just that.
    let other = load(Shape::Sixteen, json!({"maxTokens": 32}));
    assert!(matches!(other, Err(LoadError::Model(_))), "{other:?}");
}

#[test]
fn attack_52_files_that_are_cut_or_something_else_are_refused() {
    let settings = TransformerSpec::default().settings();
    let whole = model(Shape::AnyLength);
    let load = |model: &[u8], tokenizer: &str| {
        let tokenizer = tokenizer.as_bytes();
        Classifier::load(&ModelFiles { model, tokenizer }, &settings)
    };
    assert!(load(&whole, TOKENIZER).is_ok());
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        assert!(load(&whole[..cut], TOKENIZER).is_err(), "{cut}");
    }
    assert!(load(TOKENIZER.as_bytes(), TOKENIZER).is_err());
    for tokenizer in ["", "{}", TOKENIZER.split_at(500).0] {
        let error = load(&whole, tokenizer).unwrap_err();
        assert!(matches!(error, LoadError::Tokenizer(_)), "{error}");
    }
    // Of another model: this one does not know all of its words.
    let other = TOKENIZER.replace(r#""perhaps": 4"#, r#""perhaps": 4, "more": 5000"#);
    assert!(load(&whole, &other).is_err());
}
