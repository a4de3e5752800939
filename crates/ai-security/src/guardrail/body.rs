//! The body of a request or a response, read whole.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::Reading;
use crate::Channel;
use crate::extract::{ExtractSpec, Extractor, Refused, Texts};

/// Names of UTF-8 and of what says the same of ASCII.
const ALIKE: [&str; 7] = [
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin1",
    "windows-1252",
];

/// What is read of a body. One in a media type that is not named here cannot be read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BodySpec {
    /// What is read of JSON.
    pub json: Option<ExtractSpec>,
    /// Where other bodies, read as one text, would reach a model.
    pub text: Option<Channel>,
}

/// What is read of bodies, compiled.
#[derive(Clone, Debug)]
pub struct BodyPlan {
    json: Option<Arc<Extractor>>,
    text: Option<Channel>,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is compressed.
    #[error("the body is encoded")]
    Encoded,
    /// Nobody said how to read such.
    #[error("the media type of the body is not one to read")]
    MediaType,
    /// It is not UTF-8.
    #[error("the body is not text")]
    NotText,
    /// Its JSON may mean different things to different parsers, or is none.
    #[error(transparent)]
    Json(#[from] Refused),
}

impl BodyPlan {
    /// Compiles `spec`, which stands at `at`. `None` exactly when an error is among the findings.
    pub fn compile(spec: &BodySpec, at: &ConfigPath, findings: &mut Findings) -> Option<Self> {
        if spec.json.is_none() && spec.text.is_none() {
            let found = Diagnostic::error(Code::MissingKey, at, "nothing is read of the body");
            let hint = "write `json` with a preset such as `openai-chat`, or `text` with a channel";
            findings.push(found.hint(hint));
            return None;
        }
        let json = spec.json.as_ref();
        let json = json.map(|own| Extractor::compile(own, &at.key("json"), findings));
        Some(Self {
            json: match json {
                None => None,
                Some(extractor) => Some(Arc::new(extractor?)),
            },
            text: spec.text,
        })
    }

    /// What is read of JSON.
    pub const fn json(&self) -> Option<&Arc<Extractor>> {
        self.json.as_ref()
    }

    /// Where other bodies would reach a model.
    pub const fn text(&self) -> Option<Channel> {
        self.text
    }

    /// Reads what is selected of `body`, whose `Content-Type` is `media`. Returns the body as it may go
    /// on, if that is otherwise than it came.
    ///
    /// # Errors
    ///
    /// It cannot be read as it was said to be.
    pub fn read(
        &self,
        media: Option<&str>,
        body: &[u8],
        reading: &mut Reading<'_>,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        if !is_utf8(media.unwrap_or_default()) {
            return Err(Unreadable::MediaType);
        }
        match (&self.json, self.text) {
            (Some(extractor), _) if is_json(media.unwrap_or_default()) => {
                Ok(read_json(&extractor.read(body)?, reading))
            }
            (_, None) => Err(Unreadable::MediaType),
            (json, Some(channel)) => {
                // Who is behind us may take for JSON what is, whatever it is called.
                let texts = json.as_ref().and_then(|json| json.read(body).ok());
                let masked = texts.and_then(|texts| read_json(&texts, reading));
                let read = read_text(channel, masked.as_deref().unwrap_or(body), reading)?;
                Ok(read.or(masked))
            }
        }
    }
}

/// `application/json`, `application/problem+json; charset=utf-8` and the like; nothing announced is
/// no JSON.
pub(crate) fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// Whether whoever goes by the `charset` of a media type reads letters as we do: it is UTF-8, or says
/// the same of ASCII.
pub fn is_utf8(media: &str) -> bool {
    let mut parameters = media.split(';').skip(1);
    parameters.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        !name.trim().eq_ignore_ascii_case("charset") || ALIKE.contains(&&*value)
    })
}

fn read_json(texts: &Texts<'_>, reading: &mut Reading<'_>) -> Option<Vec<u8>> {
    let mut spotlit = None;
    let mut said: Vec<Option<String>> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let place = format!("body[{}..{}]", text.raw.start, text.raw.end);
        let before = reading.judgement().spotlit;
        let decoded = texts.decoded(text);
        said.push(match reading.read(&decoded, text.channel, &place) {
            Cow::Borrowed(_) => None,
            Cow::Owned(new) => Some(new),
        });
        if reading.judgement().spotlit > before {
            spotlit.get_or_insert(index);
        }
    }
    if let Some(first) = spotlit {
        explain(texts, &mut said, first, reading);
    }
    if said.iter().all(Option::is_none) {
        return None;
    }
    let mut said = said.into_iter();
    let body = texts.rewrite(|_, _| said.next().flatten());
    Some(body.into_owned())
}

/// Says in the system text what marks mean; where there is none, before the first text that has one.
fn explain(texts: &Texts<'_>, said: &mut [Option<String>], first: usize, reading: &Reading<'_>) {
    let Some(sentence) = reading.explanation() else {
        return;
    };
    let system = texts
        .iter()
        .position(|text| text.channel == Channel::System);
    let place = system.unwrap_or(first);
    let (Some(text), Some(slot)) = (texts.iter().nth(place), said.get_mut(place)) else {
        return;
    };
    let own = slot
        .take()
        .unwrap_or_else(|| texts.decoded(text).into_owned());
    *slot = Some(match system {
        Some(_) => format!("{own}\n\n{sentence}"),
        None => format!("{sentence}\n\n{own}"),
    });
}

fn read_text(
    channel: Channel,
    body: &[u8],
    reading: &mut Reading<'_>,
) -> Result<Option<Vec<u8>>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotText)?;
    let before = reading.judgement().spotlit;
    let read = match reading.read(text, channel, "body") {
        Cow::Borrowed(_) => return Ok(None),
        Cow::Owned(new) => new,
    };
    let lit = reading.judgement().spotlit > before;
    Ok(Some(match reading.explanation().filter(|_| lit) {
        Some(sentence) => format!("{sentence}\n\n{read}").into_bytes(),
        None => read.into_bytes(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrail::{Digests, Guardrail, GuardrailSpec};

    fn guardrail(spec: &str) -> Guardrail {
        let spec: GuardrailSpec = serde_json::from_str(spec).unwrap();
        let (digests, at) = (Digests::of_secret("test"), ConfigPath::root());
        Guardrail::compile(&spec, digests, &at, &mut Findings::new()).unwrap()
    }

    fn chat() -> BodyPlan {
        let spec = r#"{"json": {"presets": ["openai-chat"]}, "text": "document"}"#;
        let spec: BodySpec = serde_json::from_str(spec).unwrap();
        BodyPlan::compile(&spec, &ConfigPath::root(), &mut Findings::new()).unwrap()
    }

    /// A text that is marked and not blocked whatever it says.
    const MARKS: &str = r#"{"injection": {"channels": {
        "tool": {"mark": 0.0, "block": 1.0, "atMost": "mark"},
        "document": {"mark": 0.0, "block": 1.0, "atMost": "mark"}}}, "spotlight": "FORM"}"#;

    fn spotlit(form: &str, media: &str, body: &str) -> String {
        let guardrail = guardrail(&MARKS.replace("FORM", form));
        let mut reading = guardrail.begin();
        let read = chat().read(Some(media), body.as_bytes(), &mut reading);
        let read = read.unwrap().unwrap_or_else(|| body.into());
        String::from_utf8(read).unwrap()
    }

    #[test]
    fn marked_texts_are_spotlighted_and_the_system_text_explains_it() {
        let body = r#"{"messages": [{"role": "system", "content": "Be kind."}, {"role": "tool", "content": "it rains today"}, {"role": "user", "content": "so?"}]}"#;
        for form in ["words", "lines"] {
            let read: serde_json::Value =
                serde_json::from_str(&spotlit(form, "application/json", body)).unwrap();
            let text = |index: usize| read["messages"][index]["content"].as_str().unwrap();
            assert!(text(0).starts_with("Be kind.\n\nText "), "{}", text(0));
            assert_ne!(text(1), "it rains today");
            assert_eq!(text(2), "so?");
        }
        // Without a system text it stands before the first one.
        let body = r#"{"messages": [{"role": "tool", "content": "it rains"}]}"#;
        let read = spotlit("lines", "application/json", body);
        assert!(read.contains("\"content\": \"Text between"), "{read}");
        let read = spotlit("words", "text/plain", "it rains");
        assert!(read.starts_with("Text whose words"), "{read}");
        // What programs read stays.
        let body = r#"{"messages": [{"role": "tool", "content": "{\"rain\": 1}"}]}"#;
        assert_eq!(spotlit("words", "application/json", body), body);
    }

    #[test]
    fn attack_52_letters_are_those_that_the_reader_sees() {
        for (media, readable) in [
            ("text/plain", true),
            ("text/plain; charset=UTF-8", true),
            ("text/html; Charset=\"us-ascii\"; level=1", true),
            ("text/plain; charset=utf-16", false),
            ("application/json; charset=utf-7", false),
            ("text/plain; charset=utf-8; charset=utf-16le", false),
            ("text/plain; charset=", false),
        ] {
            let guardrail = guardrail("{}");
            let read = chat().read(Some(media), b"{}", &mut guardrail.begin());
            assert_eq!(read.is_ok(), readable, "{media}");
        }
    }

    #[test]
    fn attack_52_values_come_back_in_answers_and_inside_of_json_in_them() {
        let guardrail = guardrail(r#"{"injection": null, "content": {}}"#);
        let mut reading = guardrail.begin();
        let body = r#"{"messages": [{"role": "user", "content": "I am jane@corp-mail.net"}]}"#;
        let read = chat().read(Some("application/json"), body.as_bytes(), &mut reading);
        let read = String::from_utf8(read.unwrap().unwrap()).unwrap();
        assert!(read.contains("I am [EMAIL_1]"), "{read}");
        let (_, kept) = reading.finish();
        let mut answer = guardrail.begin_answer(kept, true);
        let body = r#"{"choices": [{"message": {"content": "Hi [EMAIL_1], I know tim@corp-mail.net and [EMAIL_2]", "tool_calls": [{"function": {"arguments": "{\"to\": \"[EMAIL_1]\"}"}}]}}]}"#;
        let read = chat().read(Some("application/json"), body.as_bytes(), &mut answer);
        let read: serde_json::Value = serde_json::from_slice(&read.unwrap().unwrap()).unwrap();
        let message = &read["choices"][0]["message"];
        assert_eq!(
            message["content"],
            "Hi jane@corp-mail.net, I know [EMAIL_2] and [EMAIL_2]"
        );
        let arguments = &message["tool_calls"][0]["function"]["arguments"];
        assert_eq!(arguments, r#"{"to": "jane@corp-mail.net"}"#);
    }
}
