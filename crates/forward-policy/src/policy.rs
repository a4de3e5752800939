//! The policy and its stage.

use std::sync::LazyLock;

use ztag_expr::Template;
use ztag_types::{
    AdmissionView, Admitted, Curated, EndpointName, Globals, Halt, Key, Map, Outcome, ReadPath,
    Reads, Reason, Reply, Root, Run, Slots, Snapshot, Stage, StageName, Trace, Value, Variables,
    Vars, View,
};

use crate::compile::copied;
use crate::error::ForwardFault;

/// Decides what rules and backends may see of the proxy's headers, and adds copies of the
/// client's where told to.
#[derive(Clone, Debug, Default)]
pub struct ForwardPolicy {
    proxy_headers: bool,
    headers: Box<[Entry]>,
    query: Box<[Entry]>,
    reads: Reads,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Box<str>,
    pub(crate) source: Source,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The client's own value.
    Copy,
    Template(Template),
}

/// The evidence that the policy looks at.
#[derive(Clone, Copy, Debug)]
pub struct ForwardInput<'a> {
    /// The request.
    pub snapshot: &'a Snapshot,
    /// The proof of admission.
    pub admitted: &'a Admitted,
    /// Variables of the server.
    pub globals: &'a Globals,
    /// The endpoint asked for.
    pub endpoint: &'a EndpointName,
}

impl ForwardPolicy {
    pub(crate) fn new(proxy_headers: bool, headers: Box<[Entry]>, query: Box<[Entry]>) -> Self {
        let mut reads = Reads::nothing();
        for (part, entries) in [("headers", &headers), ("query", &query)] {
            for entry in entries {
                match &entry.source {
                    Source::Copy => reads.insert(copied(part, &entry.name)),
                    Source::Template(template) => reads.extend(template.reads()),
                }
            }
        }
        if proxy_headers {
            for path in PROXY_HEADER_SOURCES {
                reads.insert(ReadPath::new(path.iter().copied()));
            }
        }
        Self {
            proxy_headers,
            headers,
            query,
            reads,
        }
    }

    /// Whether rules may send the curated proxy headers to their backends.
    pub const fn forwards_proxy_headers(&self) -> bool {
        self.proxy_headers
    }

    /// What the policy reads: inputs of everything that reads `forward`.
    pub const fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The curated headers and query parameters. A policy without settings costs nothing.
    pub fn curate(&self, input: &ForwardInput<'_>) -> Result<Curated, ForwardFault> {
        let mut curated = Curated::default();
        if self.proxy_headers {
            curated.headers = proxy_headers(input.snapshot);
        }
        if !self.headers.is_empty() || !self.query.is_empty() {
            self.copy_and_render(input, &mut curated)?;
        }
        Ok(curated)
    }

    fn copy_and_render(
        &self,
        input: &ForwardInput<'_>,
        curated: &mut Curated,
    ) -> Result<(), ForwardFault> {
        let admission = AdmissionView {
            admitted: input.admitted,
            client: &input.snapshot.client,
        };
        let (vars, rules) = (Vars::default(), Map::new());
        let variables = Variables {
            endpoint: &vars,
            local: None,
            rule: &rules,
            globals: input.globals,
        };
        let slots = Slots::new()
            .with(Root::Request, View::Object(input.snapshot))
            .with(Root::Subrequest, View::Object(&input.snapshot.subrequest))
            .with(Root::Admission, View::Object(&admission))
            .with(Root::Variables, View::Object(&variables))
            .with(Root::Endpoint, View::Str(input.endpoint.as_str()))
            .with(Root::CorrelationId, View::Str(&input.snapshot.correlation))
            .with(Root::Now, View::Timestamp(input.snapshot.received));
        for entry in &self.headers {
            let own = input.snapshot.headers().get(&entry.name);
            entry.add("headers", own, &slots, &mut curated.headers)?;
        }
        for entry in &self.query {
            let own = input.snapshot.query.get(&entry.name);
            entry.add("query", own, &slots, &mut curated.query)?;
        }
        Ok(())
    }
}

impl Entry {
    fn add(
        &self,
        part: &'static str,
        own: Option<&str>,
        slots: &Slots<'_>,
        into: &mut Map,
    ) -> Result<(), ForwardFault> {
        let value = match &self.source {
            Source::Copy => own.map(Value::text),
            Source::Template(template) => {
                let text = template.render(slots.scope());
                Some(
                    text.map_err(|e| ForwardFault::new(part, &self.name, e))?
                        .into(),
                )
            }
        };
        if let Some(value) = value.filter(|value| value.as_str() != Some("")) {
            into.insert(Key::from(&*self.name), value);
        }
        Ok(())
    }
}

/// What [`proxy_headers`] is made of.
const PROXY_HEADER_SOURCES: &[&[&str]] = &[
    &["admission", "forwardedFor"],
    &["admission", "forwarded"],
    &["admission", "clientIp"],
    &["request", "scheme"],
    &["request", "host"],
    &["request", "port"],
    &["request", "uri"],
    &["request", "method"],
];

/// Names of the proxy headers, sorted, made once.
static PROXY_HEADERS: LazyLock<[Key; 6]> = LazyLock::new(|| {
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-method",
        "x-forwarded-proto",
        "x-forwarded-uri",
    ]
    .map(Key::from)
});

/// The proxy headers, rebuilt from the canonical request and never copied: what an untrusted
/// client wrote into its own `x-forwarded-*` is gone here.
fn proxy_headers(snapshot: &Snapshot) -> Map {
    let (client, line) = (&snapshot.client, &snapshot.line);
    let chain = if client.forwarded_for.is_empty() {
        &client.address_text
    } else {
        &client.forwarded_for
    };
    let host = match line.port {
        Some(port) => Value::from(format!("{}:{port}", line.host)),
        None => Value::text(&line.host),
    };
    let values = [
        Value::text(&client.forwarded),
        Value::text(chain),
        host,
        Value::text(line.method.as_str()),
        Value::text(line.scheme),
        Value::text(&line.uri),
    ];
    let entries = PROXY_HEADERS.iter().cloned().zip(values);
    entries
        .filter(|(_, value)| value.as_str() != Some(""))
        .collect()
}

impl Stage for ForwardPolicy {
    const NAME: StageName = StageName::ForwardPolicy;

    type Input<'a> = ForwardInput<'a>;
    type Output = Curated;

    /// A template that cannot be rendered halts with [`Outcome::Error`] and an empty reply of
    /// status 502.
    fn run<'a>(
        &'a self,
        input: ForwardInput<'a>,
        _: &mut Trace,
    ) -> Run<Result<Curated, Halt>, impl Future<Output = Result<Curated, Halt>> + Send> {
        Run::done(self.curate(&input).map_err(|fault| Halt {
            outcome: Outcome::Error,
            reason: Reason::from(&fault),
            reply: Box::new(Reply::new(http::StatusCode::BAD_GATEWAY)),
        }))
    }
}
