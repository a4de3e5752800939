//! `tracing` events in the shape and on the stream of the access log.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use ztag_types::{Clock, SystemClock};

use crate::line::{Key, Line, key};
use crate::sink::Sink;
use crate::spec::{LogFormat, LogLevel};

/// Keys that every line has already.
const TAKEN: [&str; 7] = ["ts", "level", "component", "agent", "target", "msg", "span"];
/// The field in which `tracing` keeps the message.
const MESSAGE: &str = "message";
/// The field that names the stage or part that speaks.
const AGENT: &str = "agent";

/// A `tracing` layer that writes events as log lines. Fields of the spans around an event are part
/// of its line; a field of the event or of an inner span hides one of the same name further out.
#[derive(Debug)]
pub struct LogLayer {
    sink: Sink,
    format: LogFormat,
    clock: SystemClock,
}

impl LogLayer {
    pub(crate) fn new(sink: Sink, format: LogFormat) -> Self {
        Self {
            sink,
            format,
            clock: SystemClock::new(),
        }
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = String::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if !spans.is_empty() {
                spans.insert(0, '>');
            }
            spans.insert_str(0, span.name());
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.add_missing(outer);
            }
        }
        let metadata = event.metadata();
        self.sink.append(|out| {
            let level = level_of(*metadata.level());
            let mut line = Line::start(out, self.format, self.clock.now(), level);
            fields.write_text(&mut line, key!("agent"), AGENT);
            line.text(key!("target"), metadata.target());
            fields.write_text(&mut line, key!("msg"), MESSAGE);
            line.text_if_any(key!("span"), &spans);
            fields.write_others(&mut line);
            line.end();
        });
    }
}

/// Fields as recorded, each name once.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Value)>);

#[derive(Clone, Debug)]
enum Value {
    /// A number or boolean, written as is.
    Literal(String),
    Text(String),
}

impl Fields {
    /// Sets a field; recorded again, the later value counts.
    fn set(&mut self, field: &Field, value: Value) {
        match self.0.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, own)) => *own = value,
            None => self.0.push((field.name(), value)),
        }
    }

    fn add_missing(&mut self, outer: &Self) {
        for (name, value) in &outer.0 {
            if self.get(name).is_none() {
                self.0.push((name, value.clone()));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let mut fields = self.0.iter();
        fields.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    fn write_text(&self, line: &mut Line<'_>, key: Key, name: &str) {
        if let Some(Value::Text(text) | Value::Literal(text)) = self.get(name) {
            line.text(key, text);
        }
    }

    fn write_others(&self, line: &mut Line<'_>) {
        let special = |name: &&str| *name == MESSAGE || *name == AGENT;
        for (name, value) in self.0.iter().filter(|(name, _)| !special(name)) {
            let renamed = TAKEN.contains(name).then(|| format!("field_{name}"));
            let key = match &renamed {
                // Somebody really uses both names: the field that needs no new one wins.
                Some(renamed) if self.get(renamed).is_some() => continue,
                Some(renamed) => renamed,
                None => *name,
            };
            match value {
                Value::Literal(literal) => line.foreign_literal(key, literal),
                Value::Text(text) => line.foreign_text(key, text),
            }
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity.
        let text = value.to_string();
        let value = if value.is_finite() {
            Value::Literal(text)
        } else {
            Value::Text(text)
        };
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Literal(value.to_string()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, Value::Text(value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, Value::Text(Shown(value).to_string()));
    }
}

/// A debug form as text; `tracing` hands over `Display` forms this way, too.
struct Shown<'a>(&'a dyn Debug);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG | Level::TRACE => LogLevel::Debug,
    }
}
