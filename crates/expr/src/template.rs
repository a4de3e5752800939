//! Sandboxed templates.
//!
//! A source is parsed, walked ([`survey`]) and checked at load together with every file it can
//! reach ([`closure`]); what it reads is known exactly. Text with plain look-ups renders straight
//! from the borrowed scope ([`plain`]), everything else in an engine without a way out
//! ([`engine`]) over copies of just the paths read ([`bind`]) and within a budget ([`budget`]).

mod bind;
mod budget;
mod closure;
mod engine;
mod files;
mod filters;
mod guard;
mod plain;
mod source;
mod survey;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use ztag_types::{Code, Reads, Scope};

use self::bind::Binding;
use self::closure::Closure;
use self::plain::Plain;
use self::source::Source;
use crate::error::{CompileError, EvalError};
use crate::vocabulary::Vocabulary;

pub use files::TemplateFiles;

/// A compiled template. Cloning is cheap.
///
/// Text prints as it is, none and undefined empty, everything else as JSON; nothing is escaped
/// unless a filter such as `tojson` or `urlencode` asks for it. A missing name or field is
/// undefined, at any depth. A value that was read is never itself taken for a template.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

struct Compiled {
    form: Form,
    reads: Reads,
    raw_json: bool,
}

enum Form {
    Literal(Box<str>),
    Plain(Plain, Engine),
    Engine(Engine),
    Chosen(Choice),
}

/// The engine with what it is fed.
struct Engine {
    environment: Environment<'static>,
    binding: Binding,
}

/// A file chosen by a path that is itself a template.
struct Choice {
    path: Template,
    files: TemplateFiles,
    templates: BTreeMap<String, Template>,
}

impl Template {
    /// Compiles `source`, of 64 KiB at most, and checks it against the names of `vocabulary`,
    /// with every file of `files` that it can include, import or extend.
    ///
    /// # Errors
    /// The first finding: a syntax error, an unknown name, field, filter, test or function, or a
    /// file that is not there.
    pub fn compile(
        source: &str,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        let source = Source {
            file: None,
            text: source,
        };
        Self::of(source, vocabulary, files)
    }

    /// Compiles the template file whose path `path_template` renders to: relative to the folder,
    /// or absolute and below it.
    ///
    /// A literal path is looked up now. Of any other, the files below its literal beginning are
    /// compiled, and one of them is chosen at each render; another path is an evaluation error.
    ///
    /// # Errors
    /// As [`Self::compile`]; [`Code::TemplateFile`] when there is no such file.
    pub fn compile_file(
        path_template: &str,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        let path = Self::compile(path_template.trim(), vocabulary, files)?;
        if let Some(name) = path.literal() {
            let (file, text) = files
                .find(name)
                .ok_or_else(|| closure::missing(name, files))?;
            let file = Some(file);
            return Self::of(Source { file, text }, vocabulary, files);
        }
        let start = path_template.trim();
        let tags = ["{{", "{%", "{#"].into_iter();
        let literal = tags.filter_map(|tag| start.find(tag)).min();
        let prefix = literal.and_then(|at| start.get(..at)).unwrap_or_default();
        let mut templates = BTreeMap::new();
        for (name, text) in files.below(prefix) {
            let file = Some(name);
            let template = Self::of(Source { file, text }, vocabulary, files)?;
            templates.insert(name.to_owned(), template);
        }
        if templates.is_empty() {
            let message = format!("no template file starts with `{prefix}`");
            return Err(CompileError::new(Code::TemplateFile, message));
        }
        Ok(Self::chosen(path, files, templates))
    }

    /// The text over `scope`, of 1 MiB at most.
    ///
    /// # Errors
    /// An operation on a value of the wrong type, a chosen file that does not exist, or more work
    /// than a render may do. The error names the line, never a value or source text.
    pub fn render(&self, scope: Scope<'_>) -> Result<String, EvalError> {
        match &self.0.form {
            Form::Literal(text) => Ok(String::from(&**text)),
            Form::Plain(plain, engine) => {
                plain.render(scope).unwrap_or_else(|| engine.render(scope))
            }
            Form::Engine(engine) => engine.render(scope),
            Form::Chosen(choice) => choice.render(scope),
        }
    }

    /// What it reads; at least everything a render looks at.
    pub fn reads(&self) -> &Reads {
        &self.0.reads
    }

    /// Whether it prints one value that is looked up, and no text of its own.
    pub fn is_value(&self) -> bool {
        matches!(&self.0.form, Form::Plain(plain, _) if plain.is_value())
    }

    /// The text, when it is always the same.
    pub fn literal(&self) -> Option<&str> {
        match &self.0.form {
            Form::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the source looks like JSON and prints a value that did not go through `tojson`, or
    /// through another filter that cannot break out of a JSON string. Such a value can add fields
    /// of its own; [`Code::RawJson`] warns of it.
    pub fn raw_json_interpolation(&self) -> bool {
        self.0.raw_json
    }

    fn of(
        source: Source<'_>,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        let Closure {
            sources,
            reads,
            raw,
        } = Closure::of(source, vocabulary, files)?;
        let (tree, _) = source.parse()?;
        let plain = Plain::of(&tree, vocabulary);
        let literal = plain.as_ref().and_then(Plain::literal);
        let engine = || Engine::new(sources, &reads, vocabulary, files);
        let form = match (literal, plain) {
            (Some(text), _) => Form::Literal(text.into()),
            (None, Some(plain)) => Form::Plain(plain, engine()?),
            (None, None) => Form::Engine(engine()?),
        };
        let raw_json = raw && looks_like_json(source.text);
        Ok(Self(Arc::new(Compiled {
            form,
            reads,
            raw_json,
        })))
    }

    fn chosen(path: Self, files: &TemplateFiles, templates: BTreeMap<String, Self>) -> Self {
        let mut reads = path.reads().clone();
        for template in templates.values() {
            reads.extend(template.reads());
        }
        let raw_json = templates.values().any(Self::raw_json_interpolation);
        let form = Form::Chosen(Choice {
            path,
            files: files.clone(),
            templates,
        });
        Self(Arc::new(Compiled {
            form,
            reads,
            raw_json,
        }))
    }
}

impl Engine {
    fn new(
        sources: Vec<(String, String)>,
        reads: &Reads,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        let environment = engine::engine(sources, files).map_err(|_| {
            CompileError::new(Code::TemplateSyntax, "the template cannot be compiled")
        })?;
        Ok(Self {
            environment,
            binding: Binding::new(reads, vocabulary),
        })
    }

    fn render(&self, scope: Scope<'_>) -> Result<String, EvalError> {
        engine::render(&self.environment, self.binding.bind(scope))
    }
}

impl Choice {
    fn render(&self, scope: Scope<'_>) -> Result<String, EvalError> {
        let path = self.path.render(scope)?;
        let name = self.files.name_of(path.trim());
        let template = name.and_then(|name| self.templates.get(&name));
        template
            .ok_or_else(|| EvalError::new("the path of a template names no file it may choose"))?
            .render(scope)
    }
}

/// Whether the text begins as a JSON object or list does.
fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    let tag = ["{{", "{%", "{#"].iter().any(|tag| text.starts_with(tag));
    !tag && (text.starts_with('{') || text.starts_with('['))
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("reads", &self.0.reads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
