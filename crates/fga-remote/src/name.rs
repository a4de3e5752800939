//! Users, relations and objects that templates render, held to the form they are written in.

use ztag_expr::{EvalError, Template};
use ztag_types::Scope;

/// Longest name of a type, in bytes.
const MAX_TYPE: usize = 254;
/// Longest name of a relation, in bytes.
const MAX_RELATION: usize = 50;
/// Longest object, in bytes.
const MAX_OBJECT: usize = 256;
/// Longest user, in bytes.
const MAX_USER: usize = 512;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// `type:id`, `type:id#relation` or `type:*`.
    User,
    /// A relation.
    Relation,
    /// `type:id`.
    Object,
    /// A type.
    Type,
}

/// The name of a user, relation, object or type, with values of a request in it.
///
/// INVARIANT: what it renders to has the form that its author wrote. A value of the request that
/// holds `#`, `:` or `*` would ask another question than the one that was written.
#[derive(Clone, Debug)]
pub struct Name {
    kind: NameKind,
    source: Box<str>,
    template: Template,
    /// Whether a userset is written.
    is_userset: bool,
    /// Whether everybody of a type is written.
    is_wildcard: bool,
}

/// Why there is no name. The message holds no value.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It cannot be rendered.
    #[error(transparent)]
    Failed(#[from] EvalError),
    /// What it renders to is none.
    #[error("renders to something else than {}", .0.form())]
    Malformed(NameKind),
}

impl NameKind {
    /// The key it stands under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Relation => "relation",
            Self::Object => "object",
            Self::Type => "type",
        }
    }

    /// Its form, for messages.
    pub const fn form(self) -> &'static str {
        match self {
            Self::User => "`type:id`, `type:id#relation` or `type:*`",
            Self::Relation => "the name of a relation",
            Self::Object => "`type:id`",
            Self::Type => "the name of a type",
        }
    }
}

impl Name {
    /// A name that is written as `source`, of which `template` was made.
    pub fn new(kind: NameKind, source: &str, template: Template) -> Self {
        let written = literal_parts(source);
        Self {
            kind,
            source: source.into(),
            template,
            is_userset: written.contains('#'),
            is_wildcard: written.ends_with(":*"),
        }
    }

    /// The name as written.
    pub const fn source(&self) -> &str {
        &self.source
    }

    /// The template.
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// The name over `scope`.
    ///
    /// # Errors
    /// Text that is none, or not of the form that was written.
    pub fn render(&self, scope: Scope<'_>) -> Result<String, Unfit> {
        let text = self.template.render(scope).map_err(Unfit::Failed)?;
        if self.fits(&text) {
            Ok(text)
        } else {
            Err(Unfit::Malformed(self.kind))
        }
    }

    /// Whether `text` is a name of this kind and form.
    pub fn fits(&self, text: &str) -> bool {
        match self.kind {
            NameKind::Relation => is_name(text, MAX_RELATION),
            NameKind::Type => is_name(text, MAX_TYPE),
            NameKind::Object => text.len() <= MAX_OBJECT && is_object(text, false),
            NameKind::User => text.len() <= MAX_USER && self.is_user(text),
        }
    }

    fn is_user(&self, text: &str) -> bool {
        match (self.is_userset, text.rsplit_once('#')) {
            (false, None) => is_object(text, self.is_wildcard),
            (true, Some((object, relation))) => {
                is_object(object, false) && is_name(relation, MAX_RELATION)
            }
            _ => false,
        }
    }
}

/// `type:id`; everybody of a type only where that is asked for.
fn is_object(text: &str, wildcard: bool) -> bool {
    let Some((kind, id)) = text.split_once(':') else {
        return false;
    };
    let forbidden = |c: char| matches!(c, ':' | '#') || c.is_whitespace() || c.is_control();
    is_name(kind, MAX_TYPE) && !id.is_empty() && (id == "*") == wildcard && !id.contains(forbidden)
}

fn is_name(text: &str, max: usize) -> bool {
    let forbidden = |c: char| matches!(c, ':' | '#' | '@') || c.is_whitespace() || c.is_control();
    !text.is_empty() && text.len() <= max && !text.contains(forbidden)
}

/// What stands outside of `{{ }}`, `{% %}` and `{# #}`.
fn literal_parts(source: &str) -> String {
    const TAGS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
    let mut parts = String::new();
    let mut rest = source;
    loop {
        let tags = TAGS.iter().filter_map(|(open, close)| {
            let at = rest.find(open)?;
            Some((at, *close))
        });
        let Some((at, close)) = tags.min() else {
            parts.push_str(rest);
            return parts;
        };
        let (before, tag) = rest.split_at_checked(at).unwrap_or((rest, ""));
        parts.push_str(before);
        // An open end does not compile.
        rest = tag.split_once(close).map_or("", |(_, after)| after);
    }
}

#[cfg(test)]
mod tests {
    use ztag_expr::{TemplateFiles, Vocabulary};
    use ztag_types::{Root, Slots, View};

    use super::*;

    #[track_caller]
    fn check(kind: NameKind, source: &str, value: &str, expected: Option<&str>) {
        let words = Vocabulary::policy(&[Root::Endpoint]);
        let template = Template::compile(source, &words, &TemplateFiles::empty()).unwrap();
        let slots = Slots::new().with(Root::Endpoint, View::Str(value));
        let name = Name::new(kind, source, template);
        let rendered = name.render(slots.scope()).ok();
        assert_eq!(rendered.as_deref(), expected, "{source} over {value:?}");
    }

    #[test]
    fn values_keep_the_form_that_was_written() {
        use NameKind::{Object, Relation, User};
        check(User, "user:{{ endpoint }}", "ada", Some("user:ada"));
        check(User, "user:{{ endpoint }}", "auth0|1", Some("user:auth0|1"));
        check(
            User,
            "group:{{ endpoint }}#member",
            "g",
            Some("group:g#member"),
        );
        check(User, "user:*", "", Some("user:*"));
        check(User, "{{ endpoint }}", "user:ada", Some("user:ada"));
        check(Object, "doc:{{ endpoint }}", "1", Some("doc:1"));
        check(Object, "doc:{{ endpoint }}", "a*b", Some("doc:a*b"));
        check(Relation, "{{ endpoint }}", "viewer", Some("viewer"));
    }

    #[test]
    fn attack_59_a_value_asks_no_other_question() {
        use NameKind::{Object, Relation, Type, User};
        for value in ["", "*", "a b", "a\n", "a\0b", "a:b", "a#member", "\u{85}"] {
            check(User, "user:{{ endpoint }}", value, None);
            check(Object, "doc:{{ endpoint }}", value, None);
        }
        for value in ["*", "x", "user:*", "user:a#b", "user:", ":a", "user:a:b"] {
            check(User, "{{ endpoint }}", value, None);
        }
        check(User, "group:{{ endpoint }}#member", "g#owner", None);
        check(User, "group:{{ endpoint }}#member", "*", None);
        for value in ["", "a b", "a#b", "a:b", "a@b"] {
            check(Relation, "{{ endpoint }}", value, None);
            check(Type, "{{ endpoint }}", value, None);
        }
        check(Object, "doc:{{ endpoint }}", &"x".repeat(253), None);
        check(User, "user:{{ endpoint }}", &"x".repeat(508), None);
    }

    #[test]
    fn what_stands_outside_of_tags() {
        for (source, expected) in [
            ("user:{{ a['#'] }}", "user:"),
            ("g:{% if a == '#' %}x{% endif %}#m{# a : b #}", "g:x#m"),
            ("user:*", "user:*"),
        ] {
            assert_eq!(literal_parts(source), expected);
        }
    }
}
