//! A model that speaks like the interfaces of `OpenAI` and Anthropic and says what a test tells it to.

mod anthropic;

use serde_json::{Value as Json, json};

use crate::{Failure, MockServer, Recorded, Reply};

/// What the model says to a request.
#[derive(Clone, Debug)]
pub enum Said {
    /// Text, cut where a stream cuts it.
    Text(Vec<String>),
    /// A call of the function `send` with these arguments, cut the same way.
    Call(Vec<String>),
}

impl Said {
    /// Text in pieces of so many characters.
    pub fn text(text: &str, by: usize) -> Self {
        Self::Text(cut(text, by))
    }

    /// Arguments in pieces of so many characters.
    pub fn call(arguments: &str, by: usize) -> Self {
        Self::Call(cut(arguments, by))
    }
}

/// Starts a model that answers with what `answer` makes of the last message it is sent: chat completions,
/// responses and messages, whole or, with `stream: true`, as events.
pub fn start_model(
    answer: impl Fn(&str) -> Said + Send + Sync + 'static,
) -> Result<MockServer, Failure> {
    MockServer::start(move |request| reply(request, &answer))
}

/// How the model is spoken to.
#[derive(Clone, Copy)]
enum Interface {
    Chat,
    Responses,
    Messages,
}

impl Interface {
    fn whole(self, said: &Said) -> Json {
        match self {
            Self::Chat => chat_whole(said),
            Self::Responses => response_whole(said),
            Self::Messages => anthropic::whole(said),
        }
    }

    fn events(self, said: &Said) -> String {
        match self {
            Self::Chat => chat_events(said),
            Self::Responses => response_events(said),
            Self::Messages => anthropic::events(said),
        }
    }
}

fn reply(request: &Recorded, answer: &dyn Fn(&str) -> Said) -> Reply {
    let Ok(asked) = serde_json::from_slice::<Json>(&request.body) else {
        return Reply::text(400, "not JSON");
    };
    let interface = match request.path() {
        path if path.ends_with("/chat/completions") => Interface::Chat,
        path if path.ends_with("/messages") => Interface::Messages,
        _ => Interface::Responses,
    };
    let messages = asked.get("messages").and_then(Json::as_array);
    let last = match interface {
        Interface::Chat | Interface::Messages => {
            messages.and_then(|all| all.last()?.get("content"))
        }
        Interface::Responses => asked.get("input"),
    };
    let last = last.and_then(Json::as_str);
    let streams = asked.get("stream").and_then(Json::as_bool) == Some(true);
    let said = answer(last.unwrap_or_default());
    let (kind, body) = if streams {
        ("text/event-stream", interface.events(&said))
    } else {
        ("application/json", interface.whole(&said).to_string())
    };
    Reply {
        headers: vec![("Content-Type".to_owned(), kind.to_owned())],
        ..Reply::text(200, &body)
    }
}

fn chat_whole(said: &Said) -> Json {
    let (message, reason) = match said {
        Said::Text(pieces) => (
            json!({"role": "assistant", "content": pieces.concat()}),
            "stop",
        ),
        Said::Call(pieces) => {
            let function = json!({"name": "send", "arguments": pieces.concat()});
            let call = json!({"id": "call_1", "type": "function", "function": function});
            let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            (message, "tool_calls")
        }
    };
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    })
}

fn chat_events(said: &Said) -> String {
    let chunk = |delta: Json, reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice],
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = chunk(json!({"role": "assistant", "content": ""}), None);
    let reason = match said {
        Said::Text(pieces) => {
            events.extend(
                pieces
                    .iter()
                    .map(|piece| chunk(json!({"content": piece}), None)),
            );
            "stop"
        }
        Said::Call(pieces) => {
            let begin = json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": ""}}]);
            events += &chunk(json!({"tool_calls": begin}), None);
            events.extend(pieces.iter().map(|piece| {
                let call = json!([{"index": 0, "function": {"arguments": piece}}]);
                chunk(json!({"tool_calls": call}), None)
            }));
            "tool_calls"
        }
    };
    events + &chunk(json!({}), Some(reason)) + "data: [DONE]\n\n"
}

fn response_whole(said: &Said) -> Json {
    let (Said::Text(pieces) | Said::Call(pieces)) = said;
    let text = pieces.concat();
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content});
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
        "output": [message],
    })
}

fn response_events(said: &Said) -> String {
    let (Said::Text(pieces) | Said::Call(pieces)) = said;
    let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
    let event = |kind: &str, more: Json| {
        let mut data = json!({"type": kind, "sequence_number": 0});
        if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
            data.extend(more.clone());
        }
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let with = |key: &str, value: Json| {
        let mut more = place.clone();
        if let Some(more) = more.as_object_mut() {
            more.insert(key.to_owned(), value);
        }
        more
    };
    let open = json!({"id": "resp_1", "object": "response", "status": "in_progress", "output": []});
    let mut events = event("response.created", json!({"response": open}));
    events.extend(
        pieces
            .iter()
            .map(|piece| event("response.output_text.delta", with("delta", json!(piece)))),
    );
    events += &event(
        "response.output_text.done",
        with("text", json!(pieces.concat())),
    );
    events
        + &event(
            "response.completed",
            json!({"response": response_whole(said)}),
        )
}

fn cut(text: &str, by: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(by.max(1))
        .map(|piece| piece.iter().collect())
        .collect()
}
