//! Messages of Anthropic.

use serde_json::{Value as Json, json};

use super::Said;

/// The answer in one piece.
pub(super) fn whole(said: &Said) -> Json {
    let (block, reason) = match said {
        Said::Text(pieces) => (json!({"type": "text", "text": pieces.concat()}), "end_turn"),
        Said::Call(pieces) => {
            let input: Json = serde_json::from_str(&pieces.concat()).unwrap_or_default();
            let block =
                json!({"type": "tool_use", "id": "toolu_1", "name": "send", "input": input});
            (block, "tool_use")
        }
    };
    message(&json!([block]), Some(reason))
}

/// The answer as events.
pub(super) fn events(said: &Said) -> String {
    let (begin, deltas, reason): (Json, Vec<Json>, &str) = match said {
        Said::Text(pieces) => (
            json!({"type": "text", "text": ""}),
            pieces
                .iter()
                .map(|piece| json!({"type": "text_delta", "text": piece}))
                .collect(),
            "end_turn",
        ),
        Said::Call(pieces) => (
            json!({"type": "tool_use", "id": "toolu_1", "name": "send", "input": {}}),
            pieces
                .iter()
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect(),
            "tool_use",
        ),
    };
    let start = json!({"type": "message_start", "message": message(&json!([]), None)});
    let open = json!({"type": "content_block_start", "index": 0, "content_block": begin});
    let deltas = deltas.into_iter();
    let deltas =
        deltas.map(|delta| json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let end = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 1},
        }),
        json!({"type": "message_stop"}),
    ];
    let all = [start, open, json!({"type": "ping"})]
        .into_iter()
        .chain(deltas)
        .chain(end);
    all.fold(String::new(), |mut events, event| {
        let name = event.get("type").and_then(Json::as_str).unwrap_or_default();
        events.extend(["event: ", name, "\ndata: ", &event.to_string(), "\n\n"]);
        events
    })
}

fn message(content: &Json, reason: Option<&str>) -> Json {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    })
}
