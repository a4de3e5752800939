//! The filter over the answer of a model that comes as server-sent events.

use std::sync::Arc;

use super::changes::Changes;
use super::lane::{self, Carried, Key, Lane, Places, State, Template};
use super::pipe::Pipe;
use super::sse::{Event, Splitter, TooLong};
use crate::Verdict;
use crate::extract::{Extractor, Texts, Tree};
use crate::filter::Blocked;
use crate::guardrail::Reading;

/// Most bytes of an event, and of a text that is held until it is whole.
const LONGEST: usize = 1024 * 1024;
/// Most texts of one answer that come at the same time.
const MOST_LANES: usize = 256;

/// Reads the events of an answer, of any interface that says pieces of text in JSON: chat completions
/// and responses of `OpenAI`, messages of Anthropic, and those who speak like them; and of servers of the
/// Model Context Protocol, whose events are whole messages.
///
/// Pieces of one text are read as one, each choice, block and call by itself, as what the model answers.
/// What may still become a match is held and said with the next piece, or in an event of its own before
/// the text ends. Arguments of calls pass only when they are whole. Texts of an event that are selected
/// are read in their channels, all others are filtered as they stand, and everything else passes byte for
/// byte.
///
/// Every call must be given the same reading, of an answer.
#[derive(Debug)]
pub struct EventGuard {
    texts: Option<Arc<Extractor>>,
    splitter: Splitter,
    /// Whether events are lines.
    lines: bool,
    lanes: Vec<Lane>,
    stopped: Option<Stopped>,
}

/// Why an answer does not go on. The guard has then said so in an event of type `error`; what ends an
/// answer in the usual way does not follow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// It holds something that is blocked.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// It is taken for an attack, or holds what is blocked.
    #[error("the answer is blocked")]
    Refused,
    /// An event is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A text that is only passed whole does not end.
    #[error("the arguments of a call are longer than {LONGEST} bytes")]
    NeverWhole,
    /// Too many texts come at the same time.
    #[error("more than {MOST_LANES} texts come at the same time")]
    TooManyTexts,
    /// An event is not UTF-8.
    #[error("an event is not UTF-8")]
    NotText,
}

impl Stopped {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        if self.is_verdict() {
            "content_blocked"
        } else {
            "content_unreadable"
        }
    }

    /// Whether something was found; otherwise the answer cannot be read.
    pub const fn is_verdict(&self) -> bool {
        matches!(self, Self::Blocked(_) | Self::Refused)
    }

    /// The event that says so.
    fn event(&self, line: bool) -> Event {
        let mut message = Vec::new();
        crate::extract::write_literal(&self.to_string(), &mut message);
        let (code, message) = (self.code(), String::from_utf8_lossy(&message));
        let error = format!(r#"{{"type":"{code}","code":"{code}","message":"{message}"}}"#);
        let data = format!(r#"{{"type":"error","error":{error}}}"#);
        if line {
            Event::line(&data)
        } else {
            Event::named("error", &data)
        }
    }
}

impl EventGuard {
    /// Begins an answer, in whose events `texts` selects those that are read in a channel.
    pub const fn new(texts: Option<Arc<Extractor>>) -> Self {
        Self::of(texts, Splitter::new(LONGEST), false)
    }

    /// Begins an answer in JSON Lines: every line is an event.
    pub const fn of_lines(texts: Option<Arc<Extractor>>) -> Self {
        Self::of(texts, Splitter::lines(LONGEST), true)
    }

    const fn of(texts: Option<Arc<Extractor>>, splitter: Splitter, lines: bool) -> Self {
        Self {
            texts,
            splitter,
            lines,
            lanes: Vec::new(),
            stopped: None,
        }
    }

    /// Takes the next bytes of the answer, cut anywhere, and appends to `out` what may pass.
    ///
    /// # Errors
    ///
    /// The answer does not go on; `out` ends with an event that says so, the first time.
    pub fn push(
        &mut self,
        bytes: &[u8],
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        self.splitter.push(bytes);
        let passed = self.pass(reading, out);
        self.stop(passed, out)
    }

    /// Ends the answer and appends what was held.
    ///
    /// # Errors
    ///
    /// As [`EventGuard::push`].
    pub fn finish(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        let last = self.splitter.last_event();
        let passed = last.map_or(Ok(()), |event| self.pass_event(&event, reading, out));
        let ended = passed.and_then(|()| self.end_all(reading, out));
        self.stop(ended, out)
    }

    /// Ends the answer because something else says that it must not go on, and says so.
    pub fn refuse(&mut self, out: &mut Vec<u8>) {
        if self.stopped.is_none() {
            self.say_stopped(&Stopped::Refused, out);
        }
    }

    fn stop(&mut self, result: Result<(), Stopped>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        result.inspect_err(|stopped| self.say_stopped(stopped, out))
    }

    fn say_stopped(&mut self, stopped: &Stopped, out: &mut Vec<u8>) {
        self.lanes.clear();
        out.extend_from_slice(stopped.event(self.lines).as_bytes());
        self.stopped = Some(stopped.clone());
    }

    fn pass(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        while let Some(event) = self.splitter.next_event()? {
            self.pass_event(&event, reading, out)?;
        }
        Ok(())
    }

    fn pass_event(
        &mut self,
        event: &Event,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if !event.is_text() {
            return Err(Stopped::NotText);
        }
        let Some(data) = event.data().map(std::borrow::Cow::into_owned) else {
            out.extend_from_slice(event.as_bytes());
            return Ok(());
        };
        if data.trim() == "[DONE]" {
            self.end_all(reading, out)?;
            out.extend_from_slice(event.as_bytes());
            return Ok(());
        }
        match Tree::parse(data.as_bytes()) {
            Ok(tree) => self.take(event, &tree, &lane::read(&tree), reading, out),
            Err(_) => self.take_text(event, &data, reading, out),
        }
    }

    /// Takes an event whose data are plain text: the next piece of the only text there is.
    fn take_text(
        &mut self,
        event: &Event,
        data: &str,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let place = self.lane(&Key::default(), false, reading)?;
        let passed = self.feed(place, data, reading)?;
        if let Some(lane) = self.lanes.get_mut(place) {
            lane.template = Template {
                event: event.clone(),
                around: None,
            };
        }
        if !passed.is_empty() {
            out.extend_from_slice(event.with_data(&passed).as_bytes());
        }
        Ok(())
    }

    /// Takes an event whose data are JSON.
    fn take(
        &mut self,
        event: &Event,
        tree: &Tree<'_>,
        carried: &Carried,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let mut changes = Changes::new(tree);
        self.take_whole(tree, carried, reading, &mut changes)?;
        for piece in &carried.pieces {
            let place = self.lane(&piece.key, piece.whole, reading)?;
            let text = tree.text(piece.node).unwrap_or_default();
            let passed = self.feed(place, &text, reading)?;
            let key = Some(piece.key.clone());
            let same = passed == text;
            changes.set(tree.literal(piece.node), key, passed, same);
        }
        for (key, before, after) in changes.around() {
            if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) {
                lane.template = Template {
                    event: event.clone(),
                    around: Some((before, after)),
                };
            }
        }
        for end in &carried.ends {
            self.end(end, Some(&mut changes), reading, out)?;
        }
        match changes.write() {
            Some(data) => out.extend_from_slice(event.with_data(&data).as_bytes()),
            None => out.extend_from_slice(event.as_bytes()),
        }
        Ok(())
    }

    /// Takes the texts of an event that are whole.
    fn take_whole(
        &self,
        tree: &Tree<'_>,
        carried: &Carried,
        reading: &mut Reading<'_>,
        changes: &mut Changes<'_>,
    ) -> Result<(), Stopped> {
        let channels = self.texts.as_ref().map(|texts| texts.channels(tree));
        for node in &carried.others {
            let text = tree.text(*node).unwrap_or_default();
            let channel = channels.as_ref().and_then(|own| *own.get(node.index())?);
            let new = match channel {
                Some(channel) => {
                    let new = reading.read(&text, channel, "event");
                    if reading.judgement().verdict == Verdict::Block {
                        return Err(Stopped::Refused);
                    }
                    new
                }
                None => reading.content(&text)?,
            };
            if new != text {
                changes.set(tree.literal(*node), None, new.into_owned(), false);
            }
        }
        Ok(())
    }

    /// The lane of `key`, a new one if it has none yet.
    fn lane(
        &mut self,
        key: &Key,
        whole: bool,
        reading: &mut Reading<'_>,
    ) -> Result<usize, Stopped> {
        if let Some(place) = self.lanes.iter().position(|lane| lane.key == *key) {
            return Ok(place);
        }
        if self.lanes.len() >= MOST_LANES {
            return Err(Stopped::TooManyTexts);
        }
        reading.count_text();
        self.lanes.push(Lane {
            key: key.clone(),
            state: if whole {
                State::Held(String::new())
            } else {
                State::Flowing(Box::new(Pipe::new()))
            },
            template: Template::default(),
        });
        Ok(self.lanes.len() - 1)
    }

    /// Gives `text` to a lane and returns what may pass.
    fn feed(
        &mut self,
        place: usize,
        text: &str,
        reading: &mut Reading<'_>,
    ) -> Result<String, Stopped> {
        let Some(lane) = self.lanes.get_mut(place) else {
            return Ok(String::new());
        };
        match &mut lane.state {
            State::Flowing(pipe) => {
                let mut passed = Vec::new();
                pipe.push(text, reading, &mut passed)?;
                Ok(String::from_utf8_lossy(&passed).into_owned())
            }
            State::Held(held) if held.len() + text.len() > LONGEST => Err(Stopped::NeverWhole),
            State::Held(held) => {
                held.push_str(text);
                Ok(String::new())
            }
        }
    }

    fn end_all(&mut self, reading: &mut Reading<'_>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        self.end(&Places::default(), None, reading, out)
    }

    /// Ends the texts at `places`: the rest of each is said with its piece of this event, or before it.
    fn end(
        &mut self,
        places: &Places,
        mut changes: Option<&mut Changes<'_>>,
        reading: &mut Reading<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let (ended, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lanes)
            .into_iter()
            .partition(|lane| lane.key.places.lie_in(places));
        self.lanes = open;
        for lane in ended {
            let rest = match lane.state {
                State::Flowing(mut pipe) => {
                    let mut rest = Vec::new();
                    pipe.finish(reading, &mut rest)?;
                    String::from_utf8_lossy(&rest).into_owned()
                }
                State::Held(held) => read_call(&held, reading)?,
            };
            let said = changes
                .as_mut()
                .is_some_and(|changes| changes.append(&lane.key, &rest));
            if !said && !rest.is_empty() {
                out.extend_from_slice(lane.template.say(&rest).as_bytes());
            }
        }
        Ok(())
    }
}

/// The arguments of a call as they may pass: each text in them is read by itself if they are JSON.
fn read_call(held: &str, reading: &mut Reading<'_>) -> Result<String, Stopped> {
    if reading.watch(held, held.len()) == Verdict::Block {
        return Err(Stopped::Refused);
    }
    let Some(texts) = Texts::every(held) else {
        return Ok(reading.content(held)?.into_owned());
    };
    let mut blocked = None;
    let new = texts.rewrite(|_, text| match reading.content(&text) {
        Ok(read) => (read != text).then(|| read.into_owned()),
        Err(found) => {
            blocked.get_or_insert(found);
            None
        }
    });
    match blocked {
        Some(blocked) => Err(blocked.into()),
        None => Ok(String::from_utf8_lossy(&new).into_owned()),
    }
}
