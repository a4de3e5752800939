//! The names an expression can read while a request is decided.

use crate::view::View;

macro_rules! roots {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A name at the top of the expression context, the same in CEL and in templates.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Root {
            $($(#[$doc])* $variant,)*
        }

        impl Root {
            /// Every root, in slot order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in expressions.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The slot of this root in a [`Scope`].
            pub const fn slot(self) -> usize {
                self as usize
            }
        }
    };
}

roots! {
    /// The original request, normalised from what the proxy said.
    Request = "request",
    /// The request as it arrived on our own connection.
    Subrequest = "subrequest",
    /// What admission proved: client address, proxy trust, authentication.
    Admission = "admission",
    /// The curated proxy headers.
    Forward = "forward",
    /// The credentials of the winning match group.
    Auth = "auth",
    /// The reply of the rule's backend.
    Backend = "backend",
    /// What the rule's store of relationships answered.
    Fga = "fga",
    /// What the rule's guardrail says of the request.
    Guard = "guard",
    /// Variables by tier: `endpoint`, `local`, `rule`, `environment`, `secrets`.
    Variables = "variables",
    /// Exports of the rules so far, the later winning.
    Response = "response",
    /// The rule being judged, or the one that decided.
    Rule = "rule",
    /// The rules judged so far.
    Chain = "chain",
    /// Name of the endpoint.
    Endpoint = "endpoint",
    /// The correlation id.
    CorrelationId = "correlationId",
    /// The time at which the request arrived.
    Now = "now",
}

/// One view per slot. Unset slots are null.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a>([View<'a>; Root::ALL.len()]);

impl<'a> Slots<'a> {
    /// All slots null.
    pub const fn new() -> Self {
        Self([View::Null; Root::ALL.len()])
    }

    /// The same slots with `root` set to `view`.
    #[must_use]
    pub const fn with(mut self, root: Root, view: View<'a>) -> Self {
        // The slot of a root is below the length by construction.
        #[expect(clippy::indexing_slicing, reason = "one slot per root")]
        {
            self.0[root.slot()] = view;
        }
        self
    }

    /// What expressions are evaluated over.
    pub const fn scope(&self) -> Scope<'_> {
        Scope::new(&self.0)
    }
}

impl Default for Slots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// What an expression is evaluated over: views by slot number.
///
/// The pipeline uses the slots of [`Root`]; an embedder may use any numbering that its
/// vocabulary declares.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a>(&'a [View<'a>]);

impl<'a> Scope<'a> {
    /// A scope over `slots`.
    pub const fn new(slots: &'a [View<'a>]) -> Self {
        Self(slots)
    }

    /// The view in `slot`; null when unset.
    pub fn slot(self, slot: usize) -> View<'a> {
        self.0.get(slot).copied().unwrap_or(View::Null)
    }
}
