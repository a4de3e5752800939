//! The filter over the answer of a model that comes as server-sent events.

use std::ops::Range;

use super::StreamGuard;
use super::lane::{self, Carried, Key, Lane, Places, State, Template};
use super::sse::{Event, Splitter, TooLong};
use crate::Channel;
use crate::extract::{Extractor, Texts};
use crate::extract::{Selector, Tree};
use crate::filter::{Blocked, Filter, Vault};
use crate::output::SystemText;

/// Most bytes of an event, and of a text that is held until it is whole.
const LONGEST: usize = 1024 * 1024;
/// Most texts of one answer that come at the same time.
const MOST_LANES: usize = 256;

/// Filters the events of an answer, of any interface that says pieces of text in JSON: chat completions
/// and responses of `OpenAI`, messages of Anthropic, and those who speak like them.
///
/// Pieces of one text are read as one, each choice, block and call by itself. What may still become a
/// match is held and said with the next piece, or in an event of its own before the text ends. Arguments
/// of calls pass only when they are whole. All other texts of an event are filtered as they stand, and
/// everything else passes byte for byte.
#[derive(Debug)]
pub struct EventGuard<'f> {
    filter: &'f Filter,
    system: Option<&'f SystemText>,
    splitter: Splitter,
    lanes: Vec<Lane<'f>>,
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
        match self {
            Self::Blocked(_) => "content_blocked",
            _ => "content_unreadable",
        }
    }

    fn event(&self) -> Event {
        let mut message = Vec::new();
        crate::extract::write_literal(&self.to_string(), &mut message);
        let (code, message) = (self.code(), String::from_utf8_lossy(&message));
        let error = format!(r#"{{"type":"{code}","code":"{code}","message":"{message}"}}"#);
        Event::named("error", &format!(r#"{{"type":"error","error":{error}}}"#))
    }
}

impl<'f> EventGuard<'f> {
    /// Begins an answer, which must not repeat `system` if the filter looks for that.
    pub const fn new(filter: &'f Filter, system: Option<&'f SystemText>) -> Self {
        Self {
            filter,
            system,
            splitter: Splitter::new(LONGEST),
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
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        self.splitter.push(bytes);
        let passed = self.pass(vault, out);
        self.stop(passed, out)
    }

    /// Ends the answer and appends what was held.
    ///
    /// # Errors
    ///
    /// As [`EventGuard::push`].
    pub fn finish(&mut self, vault: &mut Vault, out: &mut Vec<u8>) -> Result<(), Stopped> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        let last = self.splitter.last_event();
        let passed = last.map_or(Ok(()), |event| self.pass_event(&event, vault, out));
        let ended = passed.and_then(|()| self.end_all(vault, out));
        self.stop(ended, out)
    }

    fn stop(&mut self, result: Result<(), Stopped>, out: &mut Vec<u8>) -> Result<(), Stopped> {
        result.inspect_err(|stopped| {
            self.lanes.clear();
            out.extend_from_slice(stopped.event().as_bytes());
            self.stopped = Some(stopped.clone());
        })
    }

    fn pass(&mut self, vault: &mut Vault, out: &mut Vec<u8>) -> Result<(), Stopped> {
        while let Some(event) = self.splitter.next_event()? {
            self.pass_event(&event, vault, out)?;
        }
        Ok(())
    }

    fn pass_event(
        &mut self,
        event: &Event,
        vault: &mut Vault,
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
            self.end_all(vault, out)?;
            out.extend_from_slice(event.as_bytes());
            return Ok(());
        }
        match Tree::parse(data.as_bytes()) {
            Ok(tree) => self.take(event, &tree, &lane::read(&tree), vault, out),
            Err(_) => self.take_text(event, &data, vault, out),
        }
    }

    /// Takes an event whose data are plain text: the next piece of the only text there is.
    fn take_text(
        &mut self,
        event: &Event,
        data: &str,
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let place = self.lane(&Key::default(), false)?;
        let passed = self.feed(place, data, vault)?;
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
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let mut changes = Changes::new(tree);
        for node in &carried.others {
            let text = tree.text(*node).unwrap_or_default();
            let filtered = self.filter.apply(&text, self.system, vault)?;
            if filtered != text {
                changes.set(tree.literal(*node), None, filtered.into_owned(), false);
            }
        }
        for piece in &carried.pieces {
            let place = self.lane(&piece.key, piece.whole)?;
            let text = tree.text(piece.node).unwrap_or_default();
            let passed = self.feed(place, &text, vault)?;
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
            self.end(end, Some(&mut changes), vault, out)?;
        }
        match changes.write() {
            Some(data) => out.extend_from_slice(event.with_data(&data).as_bytes()),
            None => out.extend_from_slice(event.as_bytes()),
        }
        Ok(())
    }

    /// The lane of `key`, a new one if it has none yet.
    fn lane(&mut self, key: &Key, whole: bool) -> Result<usize, Stopped> {
        if let Some(place) = self.lanes.iter().position(|lane| lane.key == *key) {
            return Ok(place);
        }
        if self.lanes.len() >= MOST_LANES {
            return Err(Stopped::TooManyTexts);
        }
        let guard = || match self.system {
            Some(system) => StreamGuard::beside(self.filter, system),
            None => StreamGuard::new(self.filter),
        };
        self.lanes.push(Lane {
            key: key.clone(),
            state: if whole {
                State::Held(String::new())
            } else {
                State::Flowing(Box::new(guard()))
            },
            template: Template::default(),
        });
        Ok(self.lanes.len() - 1)
    }

    /// Gives `text` to a lane and returns what may pass.
    fn feed(&mut self, place: usize, text: &str, vault: &mut Vault) -> Result<String, Stopped> {
        let Some(lane) = self.lanes.get_mut(place) else {
            return Ok(String::new());
        };
        match &mut lane.state {
            State::Flowing(guard) => {
                let mut passed = Vec::new();
                guard.push(text.as_bytes(), vault, &mut passed)?;
                Ok(String::from_utf8_lossy(&passed).into_owned())
            }
            State::Held(held) if held.len() + text.len() > LONGEST => Err(Stopped::NeverWhole),
            State::Held(held) => {
                held.push_str(text);
                Ok(String::new())
            }
        }
    }

    fn end_all(&mut self, vault: &mut Vault, out: &mut Vec<u8>) -> Result<(), Stopped> {
        self.end(&Places::default(), None, vault, out)
    }

    /// Ends the texts at `places`: the rest of each is said with its piece of this event, or before it.
    fn end(
        &mut self,
        places: &Places,
        mut changes: Option<&mut Changes<'_>>,
        vault: &mut Vault,
        out: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let (ended, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.lanes)
            .into_iter()
            .partition(|lane| lane.key.places.lie_in(places));
        self.lanes = open;
        for lane in ended {
            let rest = match lane.state {
                State::Flowing(mut guard) => {
                    let mut rest = Vec::new();
                    guard.finish(vault, &mut rest)?;
                    String::from_utf8_lossy(&rest).into_owned()
                }
                State::Held(held) => self.filter_whole(&held, vault)?,
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

    /// Filters the arguments of a call: each text in them if they are JSON.
    fn filter_whole(&self, held: &str, vault: &mut Vault) -> Result<String, Stopped> {
        let Some(texts) = every_text(held) else {
            return Ok(self.filter.apply(held, self.system, vault)?.into_owned());
        };
        let mut blocked = None;
        let new = texts.rewrite(
            |_, text| match self.filter.apply(&text, self.system, vault) {
                Ok(filtered) => (filtered != text).then(|| filtered.into_owned()),
                Err(found) => {
                    blocked.get_or_insert(found);
                    None
                }
            },
        );
        match blocked {
            Some(blocked) => Err(blocked.into()),
            None => Ok(String::from_utf8_lossy(&new).into_owned()),
        }
    }
}

/// Every text of a JSON document.
fn every_text(body: &str) -> Option<Texts<'_>> {
    let all = Selector::compile("$").ok()?;
    let extractor = Extractor::new(vec![(all, Channel::Output)], LONGEST);
    extractor.read(body.as_bytes()).ok()
}

/// Strings of an event that are said differently.
struct Changes<'a> {
    data: &'a [u8],
    list: Vec<Change>,
}

struct Change {
    raw: Range<usize>,
    key: Option<Key>,
    text: String,
    /// Whether that is what it says already.
    same: bool,
}

impl<'a> Changes<'a> {
    const fn new(tree: &Tree<'a>) -> Self {
        Self {
            data: tree.body(),
            list: Vec::new(),
        }
    }

    fn set(&mut self, raw: Option<Range<usize>>, key: Option<Key>, text: String, same: bool) {
        let change = raw.map(|raw| Change {
            raw,
            key,
            text,
            same,
        });
        self.list.extend(change);
    }

    /// Appends to what the piece of `key` says, if this event has one.
    fn append(&mut self, key: &Key, rest: &str) -> bool {
        let change = self.list.iter_mut().find(|c| c.key.as_ref() == Some(key));
        change
            .map(|change| {
                change.text.push_str(rest);
                change.same &= rest.is_empty();
            })
            .is_some()
    }

    /// For each piece, the data before and behind it, where no other piece says anything.
    fn around(&mut self) -> Vec<(Key, String, String)> {
        self.list.sort_by_key(|change| change.raw.start);
        let keyed = self.list.iter().filter_map(|change| {
            let key = change.key.clone()?;
            let (before, after) = (change.raw.start, change.raw.end);
            Some((
                key,
                self.splice(0..before, false),
                self.splice(after..self.data.len(), false),
            ))
        });
        keyed.collect()
    }

    /// The data with all changes; `None` if there is none.
    fn write(mut self) -> Option<String> {
        self.list.sort_by_key(|change| change.raw.start);
        (!self.list.iter().all(|change| change.same)).then(|| self.splice(0..self.data.len(), true))
    }

    /// A part of the data with its changes; what pieces say only if `pieces`.
    fn splice(&self, part: Range<usize>, pieces: bool) -> String {
        let mut out = Vec::new();
        let mut from = part.start;
        for change in &self.list {
            if change.raw.start < part.start || change.raw.end > part.end {
                continue;
            }
            out.extend_from_slice(self.data.get(from..change.raw.start).unwrap_or_default());
            if pieces || change.key.is_none() {
                crate::extract::write_literal(&change.text, &mut out);
            }
            from = change.raw.end;
        }
        out.extend_from_slice(self.data.get(from..part.end).unwrap_or_default());
        String::from_utf8_lossy(&out).into_owned()
    }
}
