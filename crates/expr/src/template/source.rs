//! A template source with its syntax tree, within the limits of the sandbox.

use std::ops::Range;

use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{Span, Token, parse, tokenize};
use ztag_types::Code;

use super::budget::{BRANCHES, SOURCE_BYTES, TAG_TOKENS, TAGS};
use super::engine;
use crate::error::CompileError;

/// The text of a template and, for a file, its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: Option<&'a str>,
    pub(super) text: &'a str,
}

/// What the guards need to know of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) start: usize,
    pub(super) end: usize,
    /// 1 for `(`, -1 for `)`, else 0.
    pub(super) nesting: isize,
}

impl<'a> Source<'a> {
    /// The syntax tree and the tokens.
    pub(super) fn parse(&self) -> Result<(Stmt<'a>, Vec<Mark>), CompileError> {
        if self.file.is_none() && self.text.len() > SOURCE_BYTES {
            let message = format!("the template is longer than {} KiB", SOURCE_BYTES / 1024);
            return Err(
                CompileError::new(Code::TemplateSyntax, message).hint("move it to a template file")
            );
        }
        let marks = self.tokens()?;
        // Names in errors are given by `error_at`; the engine's own name is not used.
        let tree = parse(self.text, "", engine::syntax());
        let tree = tree.map_err(|error| self.syntax_error(&error))?;
        Ok((tree, marks))
    }

    /// An error at `span` of this source. The place in a file is told in words, as the
    /// configuration value at hand is another text.
    pub(super) fn error_at(&self, code: Code, span: Span, message: &str) -> CompileError {
        let place = usize::try_from(span.start_offset)
            .ok()
            .zip(usize::try_from(span.end_offset).ok());
        let place = place.map(|(start, end)| start..end);
        self.error(code, span.start_line.into(), place, message)
    }

    fn error(
        &self,
        code: Code,
        line: usize,
        span: Option<Range<usize>>,
        message: &str,
    ) -> CompileError {
        match self.file {
            None => CompileError::new(code, message).within(span),
            Some(file) => CompileError::new(
                code,
                format!("template file `{file}` line {line}: {message}"),
            ),
        }
    }

    fn syntax_error(&self, error: &minijinja::Error) -> CompileError {
        let line = error.line().unwrap_or(1);
        let message = error.detail().unwrap_or("the template does not parse");
        let error = self.error(Code::TemplateSyntax, line, self.line(line), message);
        if message == "unexpected `.`" {
            return error.hint("names begin without a dot: `{{ request.path }}`");
        }
        error
    }

    /// The bytes of line `number`, counted from 1, without its newline.
    fn line(&self, number: usize) -> Option<Range<usize>> {
        let mut start = 0;
        for (index, line) in self.text.split_inclusive('\n').enumerate() {
            if index + 1 == number {
                return Some(start..start + line.trim_end_matches(['\r', '\n']).len());
            }
            start += line.len();
        }
        None
    }

    /// All tokens. Tags are counted, and the tokens of each, so that no tree is too deep to walk.
    fn tokens(&self) -> Result<Vec<Mark>, CompileError> {
        let mut marks = Vec::new();
        let (mut tags, mut branches, mut in_tag) = (0, 0, 0);
        for token in tokenize(self.text, false, engine::syntax()) {
            let (token, span) = token.map_err(|error| self.syntax_error(&error))?;
            match token {
                Token::VariableStart | Token::BlockStart => {
                    tags += 1;
                    in_tag = 0;
                }
                Token::Ident("elif") if in_tag == 0 => {
                    branches += 1;
                    in_tag += 1;
                }
                _ => in_tag += 1,
            }
            if tags > TAGS {
                let message = format!("the template has more than {TAGS} tags");
                return Err(self.error_at(Code::TemplateSyntax, span, &message));
            }
            if branches > BRANCHES {
                let message = format!("the template has more than {BRANCHES} `elif`");
                return Err(self.error_at(Code::TemplateSyntax, span, &message));
            }
            if in_tag > TAG_TOKENS {
                let message = format!("this tag has more than {TAG_TOKENS} parts");
                return Err(self.error_at(Code::TemplateSyntax, span, &message));
            }
            marks.push(Mark::new(&token, span));
        }
        Ok(marks)
    }
}

impl Mark {
    fn new(token: &Token<'_>, span: Span) -> Self {
        let offset = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        Self {
            start: offset(span.start_offset),
            end: offset(span.end_offset),
            nesting: match token {
                Token::ParenOpen => 1,
                Token::ParenClose => -1,
                _ => 0,
            },
        }
    }
}
