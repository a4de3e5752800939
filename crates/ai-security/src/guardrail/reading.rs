//! The texts of one request or response, read one after the other.

use std::borrow::Cow;
use std::time::Instant;

use super::{Guardrail, Judgement, Kept, Paused, Spotlight};
use crate::channel::Channel;
use crate::extract::Texts;
use crate::filter::rule::Rule;
use crate::filter::{Action, Blocked, Match};
use crate::guard::Guard;
use crate::inspection::{Finding, Inspection, Origin, Verdict, ViewKind};
use crate::spotlight::Mark;
use crate::stream::{Held, Returning, Sieve, Stopped};
use crate::transformer::{Answers, Asking, Questions};

/// Longest word that counts as a label.
const LONGEST_LABEL: usize = 24;
/// Where pieces of streams stand, for records.
const STREAM: &str = "stream";

/// The texts of one request or response, read one after the other.
#[derive(Debug)]
pub struct Reading<'g> {
    guardrail: &'g Guardrail,
    state: Paused,
}

impl<'g> Reading<'g> {
    pub(super) const fn new(guardrail: &'g Guardrail, state: Paused) -> Self {
        Self { guardrail, state }
    }

    /// Reads `text`, which stands in `channel` at `place`, such as `messages[2].content`. Returns it
    /// as it may go on: with placeholders for what is masked, spotlighted where it is marked, and in an
    /// answer with the client's own values in the place of their placeholders.
    pub fn read<'t>(&mut self, text: &'t str, channel: Channel, place: &str) -> Cow<'t, str> {
        let begun = Instant::now();
        let verdict = self.inspect(text, text.len(), channel, place);
        self.state.judgement.texts += 1;
        let read = self.filter(text, channel, place);
        let read = self.give_back(read);
        let read = match verdict {
            Verdict::Mark => self.spotlight(read, channel),
            Verdict::Allow | Verdict::Block => read,
        };
        self.state.judgement.tally(channel).latency += begun.elapsed();
        read
    }

    /// What explains marks to the model, once a text has one.
    pub fn explanation(&self) -> Option<String> {
        let mark = self.state.kept.mark.as_ref()?;
        Some(match self.guardrail.spotlight? {
            Spotlight::Words => mark.explain_words(),
            Spotlight::Lines => mark.explain_delimiters(),
        })
    }

    /// What a classifier is to be asked before a verdict, if there is anything: not where the verdict
    /// is the strictest already.
    pub fn questions(&mut self) -> Option<Questions> {
        let (Asking::Noting(questions) | Asking::Holding(questions)) = &mut self.state.asking
        else {
            return None;
        };
        let questions = questions.take();
        let is_open = self.state.judgement.verdict < Verdict::Block;
        Some(questions).filter(|questions| is_open && !questions.is_empty())
    }

    /// Goes by what was said of parts of a stream that wait for it.
    ///
    /// # Errors
    ///
    /// They must not pass: one is taken for an attack, or has no answer.
    pub fn heed(&mut self, answers: &Answers) -> Result<(), Stopped> {
        let Some(transformer) = &self.guardrail.transformer else {
            return Ok(());
        };
        let judgement = &mut self.state.judgement;
        judgement.asked.latency += answers.latency();
        let mut heeded = Ok(());
        for (channel, said) in answers.iter() {
            let (blocks, finding) = transformer.heed(said, &mut judgement.asked);
            let channel = channel.unwrap_or(Channel::Output);
            judgement.note(self.guardrail, finding, "", channel, STREAM);
            if blocks {
                judgement.verdict = Verdict::Block;
                heeded = Err(Stopped::Refused);
            }
        }
        heeded
    }

    /// What was found so far.
    pub const fn judgement(&self) -> &Judgement {
        &self.state.judgement
    }

    /// Interrupts the reading; [`Guardrail::resume`] goes on.
    pub fn pause(self) -> Paused {
        self.state
    }

    /// What is to be said of everything read, and what is kept for the answer.
    pub fn finish(self) -> (Judgement, Kept) {
        self.state.into_parts()
    }

    /// Has the guard look at `text`, of which `new` bytes were not looked at before.
    fn inspect(&mut self, text: &str, new: usize, channel: Channel, place: &str) -> Verdict {
        let guard = self.guardrail.guard.as_ref();
        let Some(guard) = guard.filter(|_| !is_label(text)) else {
            self.state.judgement.coverage.scanned += new;
            return Verdict::Allow;
        };
        let mut inspection = guard.inspect(text, channel);
        self.consult(guard, &mut inspection, text, channel);
        let coverage = &mut inspection.coverage;
        coverage.scanned = coverage.scanned.min(new);
        coverage.skipped = coverage.skipped.min(new);
        let verdict = inspection.verdict;
        self.weigh(inspection, text, channel, place);
        verdict
    }

    /// Asks the classifier about a marked text: puts the question, or goes by the answer.
    fn consult(
        &mut self,
        guard: &Guard,
        inspection: &mut Inspection,
        text: &str,
        channel: Channel,
    ) {
        let transformer = self.guardrail.transformer.as_ref();
        let concerned = transformer.filter(|own| own.concerns(guard, channel, inspection));
        let Some(transformer) = concerned else {
            return;
        };
        match &mut self.state.asking {
            Asking::Noting(questions) => {
                questions.add(text, channel, inspection.begins());
            }
            // Nothing of a stream is read again: an answer cannot take a mark back.
            Asking::Holding(questions) if guard.strictest(channel) == Verdict::Block => {
                questions.add(text, channel, inspection.begins());
            }
            Asking::Nobody | Asking::Holding(_) => {}
            Asking::Knowing(answers) => {
                let asked = &mut self.state.judgement.asked;
                asked.latency = answers.latency();
                let (said, strictest) = (answers.about(text), guard.strictest(channel));
                transformer.settle(inspection, said, strictest, asked);
            }
        }
    }

    fn weigh(&mut self, inspection: Inspection, text: &str, channel: Channel, place: &str) {
        let judgement = &mut self.state.judgement;
        judgement.coverage.add(inspection.coverage);
        if inspection.verdict > judgement.verdict || inspection.score > judgement.score {
            judgement.threshold = inspection.bands.block;
        }
        judgement.verdict = judgement.verdict.max(inspection.verdict);
        judgement.score = judgement.score.max(inspection.score);
        if inspection.verdict == Verdict::Allow {
            return;
        }
        judgement.tally(channel).injections += 1;
        for finding in inspection.findings {
            let hit = text.get(finding.span.clone()).unwrap_or_default();
            judgement.note(self.guardrail, finding, hit, channel, place);
        }
    }

    /// What the filter makes of the text.
    fn filter<'t>(&mut self, text: &'t str, channel: Channel, place: &str) -> Cow<'t, str> {
        let Some(filter) = &self.guardrail.filter else {
            return Cow::Borrowed(text);
        };
        let Paused {
            judgement, kept, ..
        } = &mut self.state;
        if channel == Channel::System {
            if filter.knows_system() {
                self.state.add_system(text);
            }
            return Cow::Borrowed(text);
        }
        let system = kept.system.as_ref();
        let system = system.filter(|_| channel == Channel::Output);
        let found = filter.find_beside(text, system);
        let mut masks = false;
        for found in found {
            masks |= found.action == Action::Mask;
            judgement.count_content(channel, found.action);
            let hit = text.get(found.secret.clone()).unwrap_or_default();
            judgement.note(self.guardrail, content(found), hit, channel, place);
        }
        if masks {
            filter.mask_beside(text, system, &mut kept.vault)
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The text of a tool or document, shown to be one.
    fn spotlight<'t>(&mut self, text: Cow<'t, str>, channel: Channel) -> Cow<'t, str> {
        let Some(form) = self.guardrail.spotlight else {
            return text;
        };
        let reaches = matches!(channel, Channel::Tool | Channel::Document);
        // Addresses, names of types and pictures are for programs.
        let is_prose = text.contains(char::is_whitespace) || !text.is_ascii();
        if !reaches || !is_prose || (form == Spotlight::Words && Texts::every(&text).is_some()) {
            return text;
        }
        let mark = self.state.kept.mark.take();
        let mark = mark.unwrap_or_else(|| Mark::of(self.guardrail.digests.chance(&text)));
        let lit = match form {
            Spotlight::Words => mark.mark_words(&text),
            Spotlight::Lines => mark.delimit(&text),
        };
        self.state.kept.mark = Some(mark);
        self.state.judgement.spotlit += 1;
        Cow::Owned(lit)
    }

    /// The text of an answer with the values of the one who asked.
    fn give_back<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if !self.returns() || !Returning::concerns(&text) {
            return text;
        }
        let whole = |text: &str| {
            let (mut returning, mut out) = (Returning::default(), Vec::new());
            self.hand_back(&mut returning, text.as_bytes(), &mut out);
            returning.finish(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        // What is JSON stays JSON: arguments of calls.
        let returned = Texts::every(&text).map(|texts| {
            let new = texts.rewrite(|_, inner| Some(whole(&inner)).filter(|new| *new != inner));
            String::from_utf8_lossy(&new).into_owned()
        });
        Cow::Owned(returned.unwrap_or_else(|| whole(&text)))
    }
}

/// What streams ask for.
impl Reading<'_> {
    /// Whether the guard is asked about answers.
    pub(crate) const fn watches(&self) -> bool {
        self.guardrail.guard.is_some()
    }

    /// Begins another text.
    pub(crate) const fn count_text(&mut self) {
        self.state.judgement.texts += 1;
    }

    /// Has the guard look at a part of a stream, of which `new` bytes were not looked at before.
    pub(crate) fn watch(&mut self, window: &str, new: usize) -> Verdict {
        let begun = Instant::now();
        let verdict = self.inspect(window, new, Channel::Output, STREAM);
        self.state.judgement.tally(Channel::Output).latency += begun.elapsed();
        verdict
    }

    /// What the filter makes of a text in an event.
    pub(crate) fn content<'t>(&mut self, text: &'t str) -> Result<Cow<'t, str>, Blocked> {
        let Some(filter) = &self.guardrail.filter else {
            return Ok(self.give_back(Cow::Borrowed(text)));
        };
        let Paused {
            judgement, kept, ..
        } = &mut self.state;
        let mut blocked = None;
        for found in filter.find_beside(text, kept.system.as_ref()) {
            if found.action == Action::Block {
                blocked.get_or_insert_with(|| Blocked {
                    kind: found.kind.clone(),
                    rule: found.rule.clone(),
                });
            }
            judgement.count_content(Channel::Output, found.action);
            let hit = text.get(found.secret.clone()).unwrap_or_default();
            judgement.note(self.guardrail, content(found), hit, Channel::Output, STREAM);
        }
        if let Some(blocked) = blocked {
            return Err(blocked);
        }
        let masked = filter.mask_beside(text, kept.system.as_ref(), &mut kept.vault);
        Ok(self.give_back(masked))
    }

    /// Has the filter read on in a text that comes in pieces; the last one if `complete`.
    pub(crate) fn sift(
        &mut self,
        held: &mut Held,
        piece: &[u8],
        complete: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Blocked> {
        let guardrail = self.guardrail;
        let Some(filter) = &guardrail.filter else {
            out.extend_from_slice(piece);
            return Ok(());
        };
        let Paused {
            judgement, kept, ..
        } = &mut self.state;
        let mut note = |rule: &Rule, hit: &[u8]| {
            judgement.count_content(Channel::Output, rule.action);
            let finding = content(Match {
                kind: rule.kind.clone(),
                rule: rule.id.clone(),
                family: rule.family,
                action: rule.action,
                span: 0..hit.len(),
                secret: 0..hit.len(),
            });
            let hit = String::from_utf8_lossy(hit);
            judgement.note(guardrail, finding, &hit, Channel::Output, STREAM);
        };
        let mut sieve = Sieve {
            filter,
            system: kept.system.as_ref(),
            vault: &mut kept.vault,
            note: &mut note,
        };
        held.push(piece, &mut sieve, out)?;
        if complete {
            held.finish(&mut sieve, out)?;
        }
        Ok(())
    }

    /// Whether anything comes out of an answer otherwise than the filter left it.
    pub(crate) fn returns(&self) -> bool {
        let Paused {
            kept,
            answers,
            restores,
            ..
        } = &self.state;
        *answers && (kept.mark.is_some() || (*restores && kept.vault.gives_back()))
    }

    /// Takes marks out of a piece of an answer, and puts values in the place of their placeholders.
    pub(crate) fn hand_back(&self, returning: &mut Returning, piece: &[u8], out: &mut Vec<u8>) {
        let kept = &self.state.kept;
        let vault = Some(&kept.vault).filter(|_| self.state.restores);
        returning.push(piece, (vault, kept.mark.is_some()), out);
    }
}

/// Whether a text is one short word of a program, such as `output_text` or `image/png`: it orders
/// nothing, and of so few letters the model knows nothing.
pub(super) fn is_label(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+:".contains(&byte);
    text.len() <= LONGEST_LABEL && text.bytes().all(letter)
}

fn content(found: Match) -> Finding {
    Finding {
        evidence: Vec::new(),
        reason: found.rule,
        score: 1.0,
        span: found.secret,
        view: ViewKind::Text,
        origin: Origin::Filter { kind: found.kind },
    }
}
