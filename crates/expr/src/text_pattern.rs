//! Texts that a configuration allows: written out, or as `/regex/`.

use regex::Regex;
use ztag_types::{Code, ConfigPath, Diagnostic};

/// One allowed text, or a regular expression for all of it.
///
/// An expression must fit the text from end to end: `/.*@example[.]com/` is no match for
/// `a@example.com.attacker.net`. Meant for names; a shared secret is compared elsewhere, in
/// constant time.
#[derive(Clone, Debug)]
pub struct TextPattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Exact(Box<str>),
    Whole(Regex),
}

impl TextPattern {
    /// Compiles `written`, which stands at `path`: `/regex/` between slashes, anything else
    /// literally.
    ///
    /// # Errors
    /// What is wrong: an empty text, or an expression that does not compile.
    pub fn compile(written: &str, path: &ConfigPath) -> Result<Self, Diagnostic> {
        let inner = written
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
            if written.is_empty() {
                let message = "an empty text matches nothing";
                return Err(Diagnostic::error(Code::InvalidValue, path, message));
            }
            return Ok(Self(Kind::Exact(written.into())));
        };
        // Alone first: `a)|(b` is balanced only between the parentheses of another.
        let regex = Regex::new(inner).and_then(|_| Regex::new(&format!("^(?:{inner})$")));
        regex
            .map(|regex| Self(Kind::Whole(regex)))
            .map_err(|error| refused(&error, path))
    }

    /// Whether `text` is the text, or fits the expression from end to end.
    pub fn fits(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Exact(own) => **own == *text,
            Kind::Whole(regex) => regex.is_match(text),
        }
    }
}

fn refused(error: &regex::Error, path: &ConfigPath) -> Diagnostic {
    let message = match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large",
        _ => "the regular expression does not parse",
    };
    let hint = "back references and look-around are not offered";
    Diagnostic::error(Code::Pattern, path, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, fits: bool) {
        let compiled = TextPattern::compile(pattern, &ConfigPath::root()).unwrap();
        assert_eq!(compiled.fits(text), fits, "{pattern} {text}");
    }

    #[test]
    fn texts_and_expressions() {
        check("ada", "ada", true);
        check("ada", "adam", false);
        check("/", "/", true);
        check("//", "//", true);
        check("/a|b/", "b", true);
        check("/(?i)ADA/", "ada", true);
    }

    #[test]
    fn attack_30_an_expression_fits_the_whole_text() {
        check("/[^@]+@corp[.]com/", "a@corp.com", true);
        check("/[^@]+@corp[.]com/", "a@evil@corp.com", false);
        check("/[^@]+@corp[.]com/", "a@corp.com.evil.net", false);
        check("/a|b/", "ab", false);
        check("/.*[.]corp[.]com/", "evil\n.corp.com", false);
    }

    #[test]
    fn broken_patterns_are_told() {
        for (pattern, code) in [
            ("", Code::InvalidValue),
            ("/(/", Code::Pattern),
            ("/a)|(b/", Code::Pattern),
            ("/(?=a)/", Code::Pattern),
            ("/a{9999}{9999}/", Code::Pattern),
        ] {
            let found = TextPattern::compile(pattern, &ConfigPath::root()).unwrap_err();
            assert_eq!(found.code, code, "{pattern}");
        }
    }
}
