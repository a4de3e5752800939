//! From spec to filter.

use ztag_expr::{Template, TemplateFiles, Vocabulary};
use ztag_fga_remote::{Directory, Name, NameKind, STORE};
use ztag_types::{Code, ConfigPath, Diagnostic, Findings};

use super::ItemFilter;
use super::items::Pointer;
use super::spec::ItemFilterSpec;
use super::viewer::words;

/// Most bytes of a body.
const MAX_BODY: usize = 64 * 1024 * 1024;
/// Most items of a list.
const MAX_ITEMS: usize = 10_000;

/// What a filter is compiled with beside what is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterDeps<'a> {
    pub(crate) stores: &'a Directory,
    pub(crate) templates: &'a TemplateFiles,
}

impl ItemFilter {
    /// The filter that `spec`, standing at `at`, describes. `None` when something is wrong, with
    /// findings.
    pub(crate) fn compile(
        spec: &ItemFilterSpec,
        at: &ConfigPath,
        deps: FilterDeps<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let stores = deps.stores;
        let store = stores.find(STORE, &spec.store, &at.key("store"), findings);
        let (plain, with_item) = (words(false), words(true));
        let mut name = |kind, source: &str, words: &Vocabulary| {
            compile_name((kind, source, words), at, deps.templates, findings)
        };
        let user = name(NameKind::User, &spec.user, &plain);
        let relation = name(NameKind::Relation, &spec.relation, &plain);
        let object = name(NameKind::Object, &spec.object, &with_item);
        let items = Pointer::parse(spec.items.trim()).ok_or_else(|| {
            let message = format!("`{}` is not a JSON pointer", spec.items);
            let found = Diagnostic::error(Code::InvalidValue, &at.key("items"), message);
            found.hint("for example `/documents`; at most 16 steps")
        });
        let items = findings.keep(items);
        let before = findings.errors();
        let limits = [
            ("maxBodyBytes", spec.max_body_bytes, MAX_BODY),
            ("maxItems", spec.max_items, MAX_ITEMS),
        ];
        for (key, value, most) in limits {
            if !(1..=most).contains(&value) {
                let message = format!("`{value}` is not between 1 and {most}");
                let found = Diagnostic::error(Code::InvalidValue, &at.key(key), message);
                findings.push(found);
            }
        }
        if findings.errors() > before {
            return None;
        }
        Some(Self {
            store: spec.store.trim().into(),
            authority: store?.authority.clone(),
            items: items?,
            user: user?,
            relation: relation?,
            object: object?,
            max_body: spec.max_body_bytes,
            max_items: spec.max_items,
        })
    }
}

fn compile_name(
    (kind, source, words): (NameKind, &str, &Vocabulary),
    at: &ConfigPath,
    files: &TemplateFiles,
    findings: &mut Findings,
) -> Option<Name> {
    let (source, at) = (source.trim(), at.key(kind.as_str()));
    if source.is_empty() {
        let message = format!("a `{}` is needed", kind.as_str());
        findings.push(Diagnostic::error(Code::MissingKey, &at, message));
        return None;
    }
    let template = Template::compile(source, words, files);
    let template = findings.keep(template.map_err(|error| error.at(&at)))?;
    let name = Name::new(kind, source, template);
    let literal = name.template().literal();
    if let Some(text) = literal.filter(|text| !name.fits(text)) {
        let message = format!("`{text}` is not {}", kind.form());
        findings.push(Diagnostic::error(Code::InvalidValue, &at, message));
        return None;
    }
    Some(name)
}
