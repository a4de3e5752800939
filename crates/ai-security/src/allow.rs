//! Phrases that are not held against a text.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use crate::normalize::Normalized;

/// What the operator allows: blanked in a folded text before it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    phrases: Option<AhoCorasick>,
}

impl Allowed {
    /// From phrases as written.
    pub(crate) fn compile(phrases: &[String]) -> Result<Self, BuildError> {
        if phrases.is_empty() {
            return Ok(Self::default());
        }
        let folded = phrases
            .iter()
            .map(|phrase| Normalized::of(phrase).text().to_owned());
        let phrases = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(folded)?;
        Ok(Self {
            phrases: Some(phrases),
        })
    }

    /// Blanks them, byte by byte, so that places stay what they are.
    pub(crate) fn blank(&self, folded: &mut Normalized) {
        let Some(phrases) = &self.phrases else {
            return;
        };
        let mut at = 0;
        while let Some(found) = folded.text().get(at..).and_then(|rest| phrases.find(rest)) {
            let span = at + found.start()..at + found.end();
            at = span.end.max(at + 1);
            folded.blank(span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed_is_blanked_in_place() {
        let allowed = Allowed::compile(&["Forget the RULES".into(), "über".into()]).unwrap();
        let mut folded = Normalized::of("So forget the rules, ÜBER all.");
        allowed.blank(&mut folded);
        assert_eq!(folded.text(), "so                 ,      all.");
    }
}
