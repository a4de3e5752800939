//! Text to syntax tree, with bounds on size and depth checked before the parser recurses.

use std::ops::Range;

use cel::common::ast::IdedExpr;
use cel::parser::pratt_parser::{Lexer, PrattParser, Token, TokenKind};
use cel::parser::{ParseError, ParseErrors};
use ztag_types::Code;

use crate::error::CompileError;

/// Bytes of source at the most.
const MAX_SOURCE_LEN: usize = 16 * 1024;

/// Nodes of the syntax tree on one path from its root at the most.
const MAX_DEPTH: usize = 160;

/// Parses `source`.
pub(crate) fn parse(source: &str) -> Result<IdedExpr, CompileError> {
    if source.len() > MAX_SOURCE_LEN {
        let message = format!("expression is longer than {MAX_SOURCE_LEN} bytes");
        return Err(CompileError::new(Code::ExpressionSyntax, message));
    }
    check_depth(source)?;
    PrattParser::new()
        .enable_ident_escape_syntax(true)
        .enable_optional_syntax(true)
        .parse(source)
        .map_err(|errors| syntax_error(source, &errors))
}

/// The first place where `name` stands as a name of its own.
pub(crate) fn find_name(source: &str, name: &str) -> Option<Range<usize>> {
    let mut tokens = tokens(source).filter(|token| token.kind == TokenKind::TokIdent);
    tokens
        .find(|token| {
            source
                .get(token.start..token.end)
                .is_some_and(|text| text.trim_matches('`') == name)
        })
        .map(|token| token.start..token.end)
}

fn syntax_error(source: &str, errors: &ParseErrors) -> CompileError {
    let Some(first) = errors.errors.first() else {
        return CompileError::new(Code::ExpressionSyntax, "expression does not parse");
    };
    let message = first
        .msg
        .trim_start_matches("Syntax error: ")
        .replace('\'', "`");
    CompileError::new(Code::ExpressionSyntax, message).within(place(source, first))
}

/// Line and column, both from 1, as an offset.
fn place(source: &str, error: &ParseError) -> Option<Range<usize>> {
    let line = usize::try_from(error.pos.0).ok()?.checked_sub(1)?;
    let column = usize::try_from(error.pos.1).ok()?.checked_sub(1)?;
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let start = (before + column).min(source.len());
    Some(start..(start + 1).min(source.len()).max(start))
}

fn tokens(source: &str) -> impl Iterator<Item = Token> {
    let mut lexer = Lexer::new(source);
    std::iter::from_fn(move || {
        let token = lexer.lex();
        (token.kind != TokenKind::TokEnd).then_some(token)
    })
}

/// One pair of brackets, or the whole expression.
#[derive(Default)]
struct Level {
    /// Depth of the operand being read.
    chain: usize,
    /// Ternaries around it.
    ternaries: usize,
    /// Depth of the deepest operand read.
    peak: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.peak.max(self.chain + self.ternaries)
    }

    /// The next operand begins: after a comma, or an operator whose chains the parser balances.
    fn next_operand(&mut self) {
        self.peak = self.depth();
        self.chain = 0;
    }
}

/// Refuses sources whose tree would be deeper than [`MAX_DEPTH`]. The tokens bound it from above:
/// each operator, selection and bracket adds a node above what stands left of it or inside it.
fn check_depth(source: &str) -> Result<(), CompileError> {
    let mut level = Level::default();
    let mut outer: Vec<Level> = Vec::new();
    for token in tokens(source) {
        match token.kind {
            TokenKind::TokError => return Err(bad_token(source, &token)),
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => {
                level.chain += 1;
                outer.push(std::mem::take(&mut level));
            }
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                let inner = level.depth();
                level = outer.pop().unwrap_or_default();
                level.chain += inner;
            }
            TokenKind::TokComma => {
                level.next_operand();
                level.ternaries = 0;
            }
            TokenKind::TokQuestion => {
                level.next_operand();
                level.ternaries += 1;
            }
            TokenKind::TokColon | TokenKind::TokLogicalAnd | TokenKind::TokLogicalOr => {
                level.next_operand();
            }
            kind if adds_depth(kind) => level.chain += 1,
            _ => {}
        }
        if level.depth() > MAX_DEPTH || outer.len() > MAX_DEPTH {
            let message = format!("expression is nested deeper than {MAX_DEPTH} operations");
            return Err(CompileError::new(Code::ExpressionSyntax, message)
                .within(Some(token.start..token.end)));
        }
    }
    Ok(())
}

const fn adds_depth(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::TokDot
            | TokenKind::TokIn
            | TokenKind::TokMinus
            | TokenKind::TokPlus
            | TokenKind::TokAsterisk
            | TokenKind::TokSlash
            | TokenKind::TokPercent
            | TokenKind::TokExclamation
            | TokenKind::TokEqualEqual
            | TokenKind::TokExclamationEqual
            | TokenKind::TokLess
            | TokenKind::TokLessEqual
            | TokenKind::TokGreater
            | TokenKind::TokGreaterEqual
    )
}

fn bad_token(source: &str, token: &Token) -> CompileError {
    let first = source
        .get(token.start..)
        .and_then(|rest| rest.chars().next());
    let message = match first {
        Some('"' | '\'' | 'b' | 'B' | 'r' | 'R') => "text literal without its end".to_owned(),
        Some('`') => "quoted name without its end".to_owned(),
        Some(c) if c.is_ascii_digit() || c == '.' => "malformed number".to_owned(),
        Some(c) => format!("unexpected character `{c}`"),
        None => "unexpected end".to_owned(),
    };
    let end = token.end.min(source.len());
    CompileError::new(Code::ExpressionSyntax, message).within(Some(token.start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(source: &str, message: &str, span: Range<usize>) {
        let error = parse(source).unwrap_err();
        assert_eq!(error.code, Code::ExpressionSyntax);
        assert!(error.message.contains(message), "{}", error.message);
        assert_eq!(error.span, Some(span));
    }

    #[test]
    fn syntax_errors_have_a_place() {
        refused("a & b", "unexpected character `&`", 2..3);
        refused("x == 'open", "text literal without its end", 5..10);
        refused("a\n  == ]", "unexpected token", 7..8);
        refused("é", "unexpected character `é`", 0..1);
    }

    #[test]
    fn attack_58_deep_sources_are_refused_before_they_are_parsed() {
        let many = |part: &str| part.repeat(8_000 / part.len());
        for source in [
            format!("1{}", many("+1")),
            format!("a{}", many(".b")),
            format!("f(1{})", many("+1")),
            many("!-") + "1",
            many("a?b:") + "c",
            many("a?b:c?d:") + "c",
            many("("),
            many("["),
            many("f(") + "1",
            format!("{}1{}", "(".repeat(3_000), ")".repeat(3_000)),
            format!("{}1{}", "(1+1+".repeat(100), "+1+1)".repeat(100)),
        ] {
            assert!(
                parse(&source).is_err(),
                "{}",
                source.get(..20).unwrap_or_default()
            );
        }
        assert!(parse(&format!("'{}'", "x".repeat(MAX_SOURCE_LEN))).is_err());
    }

    #[test]
    fn long_flat_sources_are_accepted() {
        let terms = |term: &str, by: &str, count: usize| vec![term; count].join(by);
        assert!(parse(&terms("request.path == '/a'", " || ", 500)).is_ok());
        assert!(parse(&format!("x in [{}]", terms("'value'", ", ", 1_500))).is_ok());
        assert!(parse(&terms("1", "+", 100)).is_ok());
    }
}
