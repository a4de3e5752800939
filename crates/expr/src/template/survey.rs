//! One walk over a syntax tree: what it reads, which names and files it uses, where guards go.

mod expression;
pub(super) mod path;

use std::collections::BTreeSet;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{Expr, ForLoop, IfCond, Macro, Stmt};
use ztag_types::{Code, Reads};

use super::engine::FUNCTIONS;
use super::guard::{Guard, field_guards, file_guards, rewrite};
use super::source::{Mark, Source};
use crate::error::CompileError;
use crate::vocabulary::Vocabulary;

/// A template that another one includes, imports or extends.
#[derive(Clone, Debug)]
pub(super) enum Reference {
    /// By its name as written.
    File {
        name: String,
        span: Span,
        optional: bool,
    },
    /// By a name made while rendering, starting with this text.
    Any { prefix: String },
}

/// A name that is neither a root nor a function: some template must assign it.
#[derive(Clone, Debug)]
pub(super) struct Loose {
    pub(super) name: String,
    pub(super) error: CompileError,
}

/// What a walk over one source found.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    vocabulary: &'a Vocabulary,
    source: Source<'a>,
    marks: Vec<Mark>,
    /// The source already carries its guards.
    guarded: bool,
    guards: Vec<Guard>,
    /// How many loops and macros are around.
    repetition: usize,
    /// How many macros are around.
    in_macro: usize,
    /// How many list and map literals are around.
    gathering: usize,
    /// Inside the value of a namespace field.
    counting: bool,
    /// The macros defined so far.
    macros: BTreeSet<String>,
    pub(super) reads: Reads,
    pub(super) references: Vec<Reference>,
    pub(super) assigned: BTreeSet<String>,
    pub(super) loose: Vec<Loose>,
    /// Bytes of plain text inside loops and macros.
    pub(super) repeated: usize,
    /// Mentions of assigned names inside list and map literals.
    pub(super) gathered: usize,
    /// Whether a value is printed that is neither JSON nor plainly harmless in it.
    pub(super) raw: bool,
}

impl<'a> Survey<'a> {
    /// Surveys `source`, and gives the text to hand to the engine.
    pub(super) fn of(
        source: Source<'a>,
        vocabulary: &'a Vocabulary,
    ) -> Result<(Self, String), CompileError> {
        let mut survey = Self::walk(source, vocabulary, false)?;
        let guards = std::mem::take(&mut survey.guards);
        if guards.is_empty() {
            return Ok((survey, source.text.to_owned()));
        }
        let rewritten = rewrite(source.text, guards);
        let guarded = Source {
            text: &rewritten,
            ..source
        };
        let again = Survey::walk(guarded, vocabulary, true);
        // INVARIANT: what the engine gets has a guard at every operand.
        if !again.is_ok_and(|again| again.guards.is_empty()) {
            let message = "the operands of `~`, `+` or `*` cannot be told apart";
            return Err(CompileError::new(Code::TemplateSyntax, message)
                .hint("put the operands in parentheses, or assign them with `{% set %}` first"));
        }
        Ok((survey, rewritten))
    }

    fn walk(
        source: Source<'a>,
        vocabulary: &'a Vocabulary,
        guarded: bool,
    ) -> Result<Self, CompileError> {
        let (tree, marks) = source.parse()?;
        let mut survey = Self {
            vocabulary,
            source,
            marks,
            guarded,
            guards: Vec::new(),
            repetition: 0,
            in_macro: 0,
            gathering: 0,
            counting: false,
            macros: BTreeSet::new(),
            reads: Reads::nothing(),
            references: Vec::new(),
            assigned: BTreeSet::new(),
            loose: Vec::new(),
            repeated: 0,
            gathered: 0,
            raw: false,
        };
        survey.statement(&tree)?;
        Ok(survey)
    }

    fn error(&self, code: Code, span: Span, message: &str) -> CompileError {
        self.source.error_at(code, span, message)
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) -> Result<(), CompileError> {
        statements.iter().try_for_each(|one| self.statement(one))
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Result<(), CompileError> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => {
                self.raw |= !expression::is_harmless_in_json(&emit.expr);
                self.expression(&emit.expr)
            }
            Stmt::EmitRaw(text) => {
                if self.repetition > 0 {
                    self.repeated = self.repeated.saturating_add(text.raw.len());
                }
                Ok(())
            }
            Stmt::ForLoop(each) => self.for_loop(each),
            Stmt::IfCond(condition) => self.condition(condition),
            Stmt::WithBlock(with) => {
                for (target, value) in &with.assignments {
                    self.expression(value)?;
                    self.assign(target)?;
                }
                self.statements(&with.body)
            }
            Stmt::Set(set) => {
                self.set(&set.target, &set.expr)?;
                self.assign(&set.target)
            }
            Stmt::SetBlock(set) => {
                self.optional(set.filter.as_ref())?;
                self.assign(&set.target)?;
                self.statements(&set.body)
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter)?;
                self.statements(&block.body)
            }
            Stmt::AutoEscape(block) => Err(self
                .error(
                    Code::RefusedFeature,
                    block.span(),
                    "`autoescape` is not offered",
                )
                .hint("escape single values with the filters `tojson`, `urlencode` or `escape`")),
            Stmt::Do(action) => self.call(&action.call, action.span()),
            other => self.composition(other),
        }
    }

    /// Statements that name other templates, blocks or macros.
    fn composition(&mut self, statement: &Stmt<'_>) -> Result<(), CompileError> {
        match statement {
            Stmt::Block(block) => {
                self.assigned.insert("super".to_owned());
                // A child template may show a block of its parent in a loop of its own.
                self.repeating(|own| own.statements(&block.body))
            }
            Stmt::Import(import) => {
                self.refuse_in_macro(import.span())?;
                self.assign(&import.name)?;
                self.reference(&import.expr, false)
            }
            Stmt::FromImport(import) => {
                self.refuse_in_macro(import.span())?;
                for (name, alias) in &import.names {
                    let name = alias.as_ref().unwrap_or(name);
                    self.assign(name)?;
                    if let Expr::Var(var) = name {
                        self.macros.insert(var.id.to_owned());
                    }
                }
                self.reference(&import.expr, false)
            }
            Stmt::Extends(extends) => self.reference(&extends.name, false),
            Stmt::Include(include) => {
                self.refuse_in_macro(include.span())?;
                if !self.guarded {
                    self.guards.extend(file_guards(&include.name, &self.marks));
                }
                self.reference(&include.name, include.ignore_missing)
            }
            Stmt::Macro(own) => {
                self.name(own.name, own.span())?;
                self.in_macro += 1;
                let done = self.macro_body(own);
                self.in_macro -= 1;
                self.macros.insert(own.name.to_owned());
                done
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call, block.span())?;
                self.macro_body(&block.macro_decl)
            }
            // Every statement that exists with our features is named above or in `statement`.
            _ => Err(CompileError::new(
                Code::RefusedFeature,
                "the template uses a statement that is not offered",
            )),
        }
    }

    /// A field of a namespace outlives the loop around: it may only hold what has no parts.
    fn set(&mut self, target: &Expr<'_>, value: &Expr<'_>) -> Result<(), CompileError> {
        self.counting = matches!(target, Expr::GetAttr(_));
        if self.counting {
            self.guards.extend(field_guards(value, &self.marks));
        }
        let done = self.expression(value);
        self.counting = false;
        done
    }

    fn for_loop(&mut self, each: &ForLoop<'_>) -> Result<(), CompileError> {
        if each.recursive {
            let span = each.iter.span();
            return Err(self.error(
                Code::RefusedFeature,
                span,
                "recursive loops are not offered",
            ));
        }
        self.expression(&each.iter)?;
        self.assign(&each.target)?;
        self.optional(each.filter_expr.as_ref())?;
        self.assigned.insert("loop".to_owned());
        self.repeating(|own| own.statements(&each.body))?;
        self.statements(&each.else_body)
    }

    fn condition(&mut self, condition: &IfCond<'_>) -> Result<(), CompileError> {
        self.expression(&condition.expr)?;
        self.statements(&condition.true_body)?;
        self.statements(&condition.false_body)
    }

    fn macro_body(&mut self, own: &Macro<'_>) -> Result<(), CompileError> {
        self.assigned.insert("caller".to_owned());
        own.args.iter().try_for_each(|arg| self.assign(arg))?;
        own.defaults
            .iter()
            .try_for_each(|value| self.expression(value))?;
        self.repeating(|own_walk| own_walk.statements(&own.body))
    }

    fn refuse_in_macro(&self, span: Span) -> Result<(), CompileError> {
        if self.in_macro == 0 {
            return Ok(());
        }
        let message = "macros cannot include or import other files";
        Err(self
            .error(Code::RefusedFeature, span, message)
            .hint("import at the top of the file"))
    }

    fn repeating(
        &mut self,
        walk: impl FnOnce(&mut Self) -> Result<(), CompileError>,
    ) -> Result<(), CompileError> {
        self.repetition += 1;
        let done = walk(self);
        self.repetition -= 1;
        done
    }

    /// Notes the names that `target` assigns; what the context or the engine names is kept.
    fn assign(&mut self, target: &Expr<'_>) -> Result<(), CompileError> {
        match target {
            Expr::Var(var) => self.name(var.id, var.span()),
            Expr::List(list) => list.items.iter().try_for_each(|item| self.assign(item)),
            Expr::Tuple(tuple) => tuple.items.iter().try_for_each(|item| self.assign(item)),
            // A field of a `namespace()`.
            Expr::GetAttr(field) => self.assign(&field.expr),
            other => self.expression(other),
        }
    }

    // Roots are never shadowed: a root name in the source always is a read, which keeps the reads
    // exact without following scopes.
    fn name(&mut self, name: &str, span: Span) -> Result<(), CompileError> {
        let taken = FUNCTIONS.contains(&name) || self.macros.contains(name);
        if taken || self.vocabulary.find(name).is_some() {
            let message = format!("`{name}` has a meaning of its own and cannot be assigned");
            let error = self.error(Code::InvalidName, span, &message);
            return Err(error.hint("choose another name"));
        }
        self.assigned.insert(name.to_owned());
        Ok(())
    }

    fn reference(&mut self, name: &Expr<'_>, optional: bool) -> Result<(), CompileError> {
        self.expression(name)?;
        self.target(name, optional);
        Ok(())
    }

    fn target(&mut self, name: &Expr<'_>, optional: bool) {
        match name {
            Expr::Const(constant) => self.references.push(Reference::File {
                name: constant.value.as_str().unwrap_or_default().to_owned(),
                span: constant.span(),
                optional,
            }),
            Expr::IfExpr(choice) => {
                self.target(&choice.true_expr, optional);
                if let Some(other) = &choice.false_expr {
                    self.target(other, optional);
                }
            }
            // Of a list the first that exists is taken.
            Expr::List(list) => list.items.iter().for_each(|item| self.target(item, true)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.target(item, true)),
            other => self.references.push(Reference::Any {
                prefix: path::beginning(other),
            }),
        }
    }
}
