//! Regular expressions with the meaning CEL gives them: RE2 syntax, linear time, bounded size.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};

use crate::cel::meter::Meter;
use crate::error::EvalError;

/// Bytes a compiled pattern may take.
const MAX_COMPILED: usize = 256 * 1024;

/// Bytes that a pattern built at run time may take: whoever sends the pattern sends the text as
/// well, and the time to search is the product of both.
const MAX_COMPILED_LATE: usize = 32 * 1024;

/// Bytes of pattern text at the most.
const MAX_PATTERN: usize = 4 * 1024;

/// Patterns built at run time that are kept, for each thread.
const KEPT: usize = 16;

/// Steps that compiling a pattern at run time costs.
const COMPILE_STEPS: usize = 500;

/// Compiles `pattern`. The error is one line and quotes nothing.
pub(crate) fn compile(pattern: &str) -> Result<Regex, &'static str> {
    compile_within(MAX_COMPILED, pattern)
}

fn compile_within(bytes: usize, pattern: &str) -> Result<Regex, &'static str> {
    if pattern.len() > MAX_PATTERN {
        return Err("it is too long");
    }
    let built = RegexBuilder::new(&translate(pattern))
        .size_limit(bytes)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(64)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it needs too much memory",
        _ => "its syntax is wrong",
    })
}

thread_local! {
    /// Patterns that came from values, the latest last.
    static RECENT: RefCell<Vec<(Box<str>, Regex)>> = const { RefCell::new(Vec::new()) };
}

/// Whether `text` contains a match of a pattern known only now.
pub(crate) fn is_match(meter: &mut Meter, pattern: &str, text: &str) -> Result<bool, EvalError> {
    RECENT.with_borrow_mut(|recent| {
        if let Some((_, regex)) = recent.iter().find(|(own, _)| **own == *pattern) {
            return Ok(regex.is_match(text));
        }
        meter.items(COMPILE_STEPS + pattern.len())?;
        let regex = compile_within(MAX_COMPILED_LATE, pattern)
            .map_err(|_| EvalError::new("a pattern does not compile"))?;
        if recent.len() >= KEPT {
            recent.remove(0);
        }
        let found = regex.is_match(text);
        recent.push((pattern.into(), regex));
        Ok(found)
    })
}

/// RE2 syntax in that of the crate `regex`: `\d`, `\w`, `\s` and `\b` are ASCII, and inside a
/// class `[`, `&&`, `--` and `~~` have no meaning of their own.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    let mut last = ' ';
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped) => push_escape(&mut out, escaped, in_class),
                None => out.push('\\'),
            },
            '[' if in_class && chars.peek() != Some(&':') => out.push_str("\\["),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                out.extend(chars.next_if_eq(&'^'));
                // A bracket that closes at once stands for itself.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' => {
                // A named class, up to its own end.
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' | '-' if in_class && last == c => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
        last = c;
    }
    out
}

fn push_escape(out: &mut String, escaped: char, in_class: bool) {
    match (escaped, in_class) {
        ('d', _) => out.push_str("[0-9]"),
        ('D', _) => out.push_str("[^0-9]"),
        ('w', _) => out.push_str("[0-9A-Za-z_]"),
        ('W', _) => out.push_str("[^0-9A-Za-z_]"),
        ('s', _) => out.push_str("[\\t\\n\\f\\r ]"),
        ('S', _) => out.push_str("[^\\t\\n\\f\\r ]"),
        ('b', false) => out.push_str("(?-u:\\b)"),
        (other, _) => {
            out.push('\\');
            out.push(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        let regex = compile(pattern).unwrap();
        assert_eq!(
            regex.is_match(text),
            expected,
            "{pattern} on {text}: {regex}"
        );
        assert_eq!(
            is_match(&mut Meter::new(), pattern, text).unwrap(),
            expected
        );
    }

    #[test]
    fn patterns_mean_what_re2_means() {
        check(r"^\d+$", "123", true);
        check(r"^\d+$", "١٢٣", false);
        check(r"^[\d-]+$", "1-2", true);
        check(r"^\w+$", "añb", false);
        check(r"^[[a]+$", "[a", true);
        check(r"^[]a]+$", "]a", true);
        check(r"^[^]a]+$", "bc", true);
        check(r"^[[:alpha:]&&x]+$", "a&x", true);
        check(r"^[a&&b]+$", "&", true);
        check(r"\bfoo\b", "a foo b", true);
        check(r"^\[\]$", "[]", true);
        check("a+ñ+a+", "mañana", true);
    }

    #[test]
    fn attack_58_patterns_cannot_blow_up() {
        assert_eq!(
            compile("(((a{100}){100}){100})").unwrap_err(),
            "it needs too much memory"
        );
        assert_eq!(compile(&"a".repeat(5_000)).unwrap_err(), "it is too long");
        assert!(compile(&"(".repeat(4_000)).is_err());
        assert!(compile("(a").is_err());
        check("^(a+)+$", &("a".repeat(5_000) + "b"), false);
    }

    #[test]
    fn patterns_from_values_are_kept_in_bounds() {
        for n in 0..100 {
            assert!(is_match(&mut Meter::new(), &format!("^x{n}$"), &format!("x{n}")).unwrap());
        }
        RECENT.with_borrow(|recent| assert_eq!(recent.len(), KEPT));
    }
}
