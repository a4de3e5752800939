//! A classifier small enough to be written down: it knows a few words.

/// A `tokenizer.json` of whole words. The model thinks of them: `attack` 0.998, `perhaps` 0.5, all
/// others 0.002; of a text what it thinks of the worst.
pub const TOKENIZER: &str = r#"{
  "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
  "normalizer": {"type": "Lowercase"},
  "pre_tokenizer": {"type": "Whitespace"},
  "post_processor": {
    "type": "TemplateProcessing",
    "single": [
      {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "[SEP]", "type_id": 0}}
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
      "[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]},
      "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}
    }
  },
  "decoder": null,
  "model": {
    "type": "WordLevel", "unk_token": "[UNK]",
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "attack": 3, "perhaps": 4}
  }
}"#;

/// What a model of [`TOKENIZER`] is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It reads texts of any length.
    AnyLength,
    /// It takes every text for an attack.
    Suspicious,
    /// It reads sixteen tokens, no more and no less, and a mask.
    Sixteen,
    /// It answers with a row of labels for each token.
    LabelsOfTokens,
    /// It reads something else.
    Pictures,
}

/// Two numbers for each token: those that speak for `harmless` and for `attack`.
const TABLE: [f32; 10] = [0.0, -6.0, 0.0, -6.0, 0.0, -6.0, 0.0, 6.0, 0.0, 0.0];
/// The same of one that suspects every token.
const SUSPICIONS: [f32; 10] = [0.0, 6.0, 0.0, 6.0, 0.0, 6.0, 0.0, 6.0, 0.0, 6.0];
/// What is added to those of a token that is masked, and of one that is not.
const MASK: [f32; 4] = [-99.0, -99.0, 0.0, 0.0];

const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// An ONNX file (IR 8, operators 13).
pub fn model(shape: Shape) -> Vec<u8> {
    let tokens = match shape {
        Shape::Pictures => "pixel_values",
        _ => "input_ids",
    };
    let mut graph = Message::default();
    graph.message(1, &node("Gather", &["table", tokens], "known"));
    graph.message(1, &node("Gather", &["mask", "attention_mask"], "masked"));
    graph.message(1, &node("Add", &["known", "masked"], "sum"));
    let last = if shape == Shape::Sixteen {
        graph.message(1, &node("Reshape", &["sum", "sixteen"], "shaped"));
        "shaped"
    } else {
        "sum"
    };
    let mut reduced = match shape {
        Shape::LabelsOfTokens => node("Identity", &[last], "logits"),
        _ => node("ReduceMax", &[last], "logits"),
    };
    if shape != Shape::LabelsOfTokens {
        reduced.message(5, &attribute("axes", true));
        reduced.message(5, &attribute("keepdims", false));
    }
    graph.message(1, &reduced);
    graph.text(2, "tiny");
    let table = match shape {
        Shape::Suspicious => SUSPICIONS,
        _ => TABLE,
    };
    graph.message(5, &floats("table", &[5, 2], &table));
    graph.message(5, &floats("mask", &[2, 2], &MASK));
    graph.message(5, &sixteen());
    graph.message(11, &value(tokens, INT64));
    graph.message(11, &value("attention_mask", INT64));
    graph.message(12, &value("logits", FLOAT));
    let mut operators = Message::default();
    operators.number(2, 13);
    let mut model = Message::default();
    model.number(1, 8);
    model.message(7, &graph);
    model.message(8, &operators);
    model.0
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node.text(1, input);
    }
    node.text(2, output);
    node.text(3, output);
    node.text(4, operator);
    node
}

/// `axes` is the list of axis 1, `keepdims` is 0.
fn attribute(name: &str, is_list: bool) -> Message {
    let mut attribute = Message::default();
    attribute.text(1, name);
    if is_list {
        attribute.number(8, 1);
    } else {
        attribute.number(3, 0);
    }
    attribute.number(20, if is_list { 7 } else { 2 });
    attribute
}

fn floats(name: &str, dims: &[u64], values: &[f32]) -> Message {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    tensor(name, dims, FLOAT, &bytes.collect::<Vec<u8>>())
}

/// The shape of one text of sixteen tokens with two labels.
fn sixteen() -> Message {
    let bytes = [1_i64, 16, 2].into_iter().flat_map(i64::to_le_bytes);
    tensor("sixteen", &[3], INT64, &bytes.collect::<Vec<u8>>())
}

fn tensor(name: &str, dims: &[u64], datum: u64, bytes: &[u8]) -> Message {
    let mut tensor = Message::default();
    for dim in dims {
        tensor.number(1, *dim);
    }
    tensor.number(2, datum);
    tensor.text(8, name);
    tensor.bytes(9, bytes);
    tensor
}

/// An input or output of two dimensions with names of their own.
fn value(name: &str, datum: u64) -> Message {
    let mut dims = Message::default();
    for part in ["batch", "length"] {
        let mut dim = Message::default();
        dim.text(2, &format!("{name}_{part}"));
        dims.message(1, &dim);
    }
    let mut tensor = Message::default();
    tensor.number(1, datum);
    tensor.message(2, &dims);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut value = Message::default();
    value.text(1, name);
    value.message(2, &kind);
    value
}

/// A message of protocol buffers, as far as it is written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, field: u64, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    fn message(&mut self, field: u64, value: &Self) {
        self.bytes(field, &value.0);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}
