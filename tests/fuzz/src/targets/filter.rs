//! Secrets and personal data: what a stream says is what the whole text says.

use std::str;
use std::sync::LazyLock;

use ztag_ai_security::filter::spec::WordListSpec;
use ztag_ai_security::filter::{Action, Filter, FilterSpec, Vault};
use ztag_ai_security::guardrail::{Digests, Guardrail};
use ztag_ai_security::output::{LinkSpec, OutputSpec, SystemText};
use ztag_ai_security::stream::{EventGuard, StreamGuard};
use ztag_types::{ConfigPath, Findings};

static FILTER: LazyLock<Filter> = LazyLock::new(filter);
static GUARDRAIL: LazyLock<Guardrail> =
    LazyLock::new(|| Guardrail::filtering(filter(), Digests::of_secret("fuzz")));
static SYSTEM: LazyLock<SystemText> =
    LazyLock::new(|| SystemText::of("a b c d e f g h i j k l m n o p q r s t u v w x y z"));

fn filter() -> Filter {
    let spec = FilterSpec {
        words: vec![WordListSpec {
            name: "WORDS".to_owned(),
            action: Action::Mask,
            words: ["blue heron", "straße", "秘密"].map(str::to_owned).into(),
        }],
        output: OutputSpec {
            system_prompt: Action::Mask,
            links: Some(LinkSpec {
                hosts: vec!["*.example.com".to_owned()],
                action: Action::Mask,
            }),
            control_sequences: Action::Mask,
            hidden_text: Action::Mask,
            ..OutputSpec::default()
        },
        ..FilterSpec::default()
    };
    let mut findings = Findings::new();
    Filter::compile(&spec, &ConfigPath::root(), &mut findings)
        .unwrap_or_else(|| panic!("{findings:?}"))
}

/// The first byte says into how large pieces the rest is cut.
pub(crate) fn target(data: &[u8]) {
    let Some((by, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(text) else {
        return pieces(text, usize::from(*by)).clear();
    };
    for found in FILTER.find(text) {
        assert!(
            text.get(found.span.clone()).is_some(),
            "a place inside a character"
        );
        assert!(
            text.get(found.secret.clone()).is_some(),
            "a place inside a character"
        );
    }
    let whole = FILTER.apply(text, Some(&SYSTEM), &mut Vault::new());
    let whole = whole.expect("nothing is blocked");
    assert_eq!(
        String::from_utf8_lossy(&pieces(text.as_bytes(), usize::from(*by))),
        whole
    );
}

fn pieces(text: &[u8], by: usize) -> Vec<u8> {
    let mut guard = StreamGuard::beside(&FILTER, &SYSTEM);
    let (mut vault, mut out) = (Vault::new(), Vec::new());
    for piece in text.chunks(by.max(1)) {
        guard
            .push(piece, &mut vault, &mut out)
            .expect("nothing is blocked");
        assert!(guard.held() <= 32 * 1024, "{} bytes are held", guard.held());
    }
    guard
        .finish(&mut vault, &mut out)
        .expect("nothing is blocked");
    out
}

/// Events pass the same however their stream is cut.
pub(crate) fn events(data: &[u8]) {
    let run = |by: usize| {
        let mut guard = EventGuard::new(None);
        let (mut reading, mut out) = (GUARDRAIL.begin(), Vec::new());
        let pushed = data
            .chunks(by)
            .try_for_each(|piece| guard.push(piece, &mut reading, &mut out));
        let ended = pushed.and_then(|()| guard.finish(&mut reading, &mut out));
        (ended, out)
    };
    assert_eq!(run(1), run(data.len().max(1)));
}
