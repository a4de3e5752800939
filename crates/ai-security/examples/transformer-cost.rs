//! What a classifier of yours says of texts, and what asking it costs:
//! `cargo run --release -p ztag-ai-security --features transformer --example transformer-cost -- \
//! transformer.json < texts.txt`, with the `transformer` section of a guardrail in the file and a text a
//! line. Paths are as seen from here.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example that measures"
)]

use std::fs;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Instant;

use ztag_ai_security::Channel;
use ztag_ai_security::guardrail::{Digests, Guardrail, GuardrailSpec};
use ztag_ai_security::transformer::{Classifier, ModelFiles, TransformerSpec};
use ztag_types::{ConfigPath, Findings};

/// Marks whatever it reads, so that every text is asked about.
const MARKS: &str = r#"{"injection": {"channels": {"document": {"mark": 0.0, "block": 1.0}}}}"#;

fn main() {
    let section = fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let spec: TransformerSpec = serde_json::from_slice(&section).unwrap();
    let (model, tokenizer) = (fs::read(&spec.model), fs::read(&spec.tokenizer));
    let files = ModelFiles {
        model: &model.unwrap(),
        tokenizer: &tokenizer.unwrap(),
    };
    let begun = Instant::now();
    let classifier = Classifier::load(&files, &spec.settings()).unwrap();
    println!("loaded in {:.2?}", begun.elapsed());
    let guardrail = guardrail(spec).with_classifier(Arc::new(classifier));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.unwrap();
    let mut texts = String::new();
    io::stdin().read_to_string(&mut texts).unwrap();
    for text in texts.lines().filter(|line| !line.is_empty()) {
        let begun = Instant::now();
        let (score, reason) = runtime.block_on(ask(&guardrail, text));
        let took = begun.elapsed();
        println!("{score:.3} {took:>9.2?} {:>6} B  {reason}", text.len());
    }
}

async fn ask(guardrail: &Guardrail, text: &str) -> (f32, String) {
    let paused = guardrail.begin().pause();
    let mut reading = guardrail.resume(guardrail.asking(&paused).unwrap());
    reading.read(text, Channel::Document, "line");
    if let Some(questions) = reading.questions() {
        reading = guardrail.resume(guardrail.ask(questions, paused).await);
        reading.read(text, Channel::Document, "line");
    }
    let (judgement, _) = reading.finish();
    let first = judgement.findings.first();
    let told = first.map(|found| (found.finding.score, found.finding.reason.to_string()));
    told.unwrap_or_default()
}

fn guardrail(transformer: TransformerSpec) -> Guardrail {
    let mut spec: GuardrailSpec = serde_json::from_str(MARKS).unwrap();
    spec.transformer = Some(transformer);
    let (digests, at) = (Digests::of_secret("example"), ConfigPath::root());
    Guardrail::compile(&spec, digests, &at, &mut Findings::new()).unwrap()
}
