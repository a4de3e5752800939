//! A template with every file it can reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ztag_types::{Code, Reads};

use super::budget::{GATHERED, REPEATED_BYTES};
use super::engine::MAIN;
use super::files::TemplateFiles;
use super::source::Source;
use super::survey::{Loose, Reference, Survey};
use crate::error::CompileError;
use crate::vocabulary::Vocabulary;

/// What a template and the files it can reach come to.
#[derive(Debug)]
pub(super) struct Closure {
    /// Names and texts for the engine.
    pub(super) sources: Vec<(String, String)>,
    /// What any of them reads.
    pub(super) reads: Reads,
    /// Whether the template itself prints a value that may break JSON.
    pub(super) raw: bool,
}

impl Closure {
    /// Follows `source` through `files`, and checks them together.
    pub(super) fn of(
        source: Source<'_>,
        vocabulary: &Vocabulary,
        files: &TemplateFiles,
    ) -> Result<Self, CompileError> {
        let mut walk = Walk::new(vocabulary, files);
        let raw = walk.visit(source, MAIN)?;
        while let Some((name, text)) = walk.pending.pop() {
            let file = Some(name.as_str());
            walk.visit(Source { file, text: &text }, &name)?;
        }
        walk.check_names()?;
        walk.check_repetition()?;
        walk.check_cycles()?;
        Ok(Self {
            sources: walk.sources,
            reads: walk.reads,
            raw,
        })
    }
}

/// The error about a literal file name that stands for nothing.
pub(super) fn missing(name: &str, files: &TemplateFiles) -> CompileError {
    if files.name_of(name).is_none() {
        let message = format!("`{name}` is outside the template folder");
        return CompileError::new(Code::TemplateFile, message)
            .hint("write the path relative to the template folder, without `..`");
    }
    let error = CompileError::new(Code::TemplateFile, format!("no template file `{name}`"));
    if files.is_empty() {
        return error.hint("the template folder holds no file");
    }
    error.suggest(name, files.names())
}

struct Walk<'a> {
    vocabulary: &'a Vocabulary,
    files: &'a TemplateFiles,
    sources: Vec<(String, String)>,
    reads: Reads,
    assigned: BTreeSet<String>,
    loose: Vec<Loose>,
    seen: BTreeSet<String>,
    pending: Vec<(String, Arc<str>)>,
    repeated: usize,
    gathered: usize,
    /// Which files each file uses.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// Some file is used in more than one place.
    repeats_files: bool,
}

impl<'a> Walk<'a> {
    fn new(vocabulary: &'a Vocabulary, files: &'a TemplateFiles) -> Self {
        Self {
            vocabulary,
            files,
            sources: Vec::new(),
            reads: Reads::nothing(),
            assigned: BTreeSet::from(["self".to_owned()]),
            loose: Vec::new(),
            seen: BTreeSet::new(),
            pending: Vec::new(),
            repeated: 0,
            gathered: 0,
            uses: BTreeMap::new(),
            repeats_files: false,
        }
    }

    /// Surveys one source; gives whether it prints raw values.
    fn visit(&mut self, source: Source<'_>, name: &str) -> Result<bool, CompileError> {
        let (survey, text) = Survey::of(source, self.vocabulary)?;
        self.sources.push((name.to_owned(), text));
        self.reads.extend(&survey.reads);
        self.assigned.extend(survey.assigned);
        self.loose.extend(survey.loose);
        self.repeated = self.repeated.saturating_add(survey.repeated);
        self.gathered = self.gathered.saturating_add(survey.gathered);
        for reference in survey.references {
            self.follow(source, name, reference)?;
        }
        Ok(survey.raw)
    }

    fn follow(
        &mut self,
        source: Source<'_>,
        user: &str,
        reference: Reference,
    ) -> Result<(), CompileError> {
        let files = self.files;
        match reference {
            Reference::File {
                name,
                span,
                optional,
            } => match files.find(&name) {
                Some((name, text)) => self.enqueue(user, name, text),
                None if optional => {}
                None => {
                    let error = missing(&name, files);
                    let mut placed = source.error_at(error.code, span, &error.message);
                    placed.hint = error.hint;
                    return Err(placed);
                }
            },
            // Whatever the name may become is checked now.
            Reference::Any { prefix } => {
                for (name, text) in files.below(&prefix) {
                    self.enqueue(user, name, text);
                }
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, user: &str, name: &str, text: &Arc<str>) {
        let uses = self.uses.entry(user.to_owned()).or_default();
        uses.insert(name.to_owned());
        if self.seen.insert(name.to_owned()) {
            self.pending.push((name.to_owned(), Arc::clone(text)));
        } else {
            self.repeats_files = true;
        }
    }

    /// A name must be a root, or assigned by one of the templates.
    fn check_names(&mut self) -> Result<(), CompileError> {
        let assigned = &self.assigned;
        let mut loose = std::mem::take(&mut self.loose).into_iter();
        match loose.find(|loose| !assigned.contains(&loose.name)) {
            Some(unknown) => Err(unknown.error),
            None => Ok(()),
        }
    }

    fn check_repetition(&self) -> Result<(), CompileError> {
        if self.gathered > if self.repeats_files { 0 } else { GATHERED } {
            let message = format!(
                "more than {GATHERED} assigned names inside list and map literals, or one in a \
                 template that uses a file more than once"
            );
            return Err(CompileError::new(Code::TemplateSyntax, message));
        }
        if self.repeated > REPEATED_BYTES {
            let message = format!(
                "more than {} KiB of text inside loops and macros",
                REPEATED_BYTES / 1024
            );
            return Err(CompileError::new(Code::TemplateSyntax, message));
        }
        Ok(())
    }

    /// A file never comes to use itself.
    fn check_cycles(&mut self) -> Result<(), CompileError> {
        loop {
            // What uses nothing that is left cannot be part of a cycle.
            let before = self.uses.len();
            let left: BTreeSet<String> = self.uses.keys().cloned().collect();
            self.uses.retain(|_, used| !used.is_disjoint(&left));
            let Some(name) = self.uses.keys().find(|name| *name != MAIN) else {
                return Ok(());
            };
            if self.uses.len() == before {
                let message = format!("template file `{name}` uses itself, maybe through others");
                return Err(CompileError::new(Code::TemplateFile, message)
                    .hint("begin the path of a chosen file with the name of its folder"));
            }
        }
    }
}
