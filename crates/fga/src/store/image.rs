//! A store's names and log as bytes, from which it can be made again much faster than from text.
//!
//! Numbers are little endian. Lists are cut into pages, each behind its length; an empty page ends
//! a list. The index is not part of it: it follows from the log.
//!
//! | part | items |
//! |---|---|
//! | head | format, revision, floor of the fold: 4 bytes each |
//! | names of types, of relations | length (2), text |
//! | objects in the order of their numbers | type (2), length (2), id |
//! | changes | revision, object, user's object (4 each), relation, relation of a userset (2 each), flags (1), milliseconds (8) |
//! | conditions | revision (4), length (4), JSON |

use std::io::{self, Read, Write};

use crate::ids::{EntityId, RelationId, TypeId};
use crate::index::{Change, Entities};
use crate::store::Store;
use crate::store::log::{Entry, Log};
use crate::store::write::Revision;
use crate::symbols::Symbols;
use crate::tuple::TupleCondition;

/// Changes whenever the bytes do.
const FORMAT: u32 = 1;
/// Items of a page: short enough that nobody waits for a lock while one is copied.
const PAGE: usize = 1 << 14;
/// Bytes of an id or of a name at the most.
const MAX_NAME: usize = 512;
/// Bytes of a condition at the most, far beyond what any limit lets in.
const MAX_CONDITION: usize = 1 << 24;
/// Flags of a change.
const DELETED: u8 = 1;
const CONDITIONED: u8 = 2;
/// Bytes of a change.
const CHANGE: usize = 25;

impl Store {
    /// Writes an image of what is there now, of which [`Restore`](crate::Restore) makes the store
    /// again. Writes may go on; they are not part of it. Models and assertions are not either.
    ///
    /// # Errors
    /// Those of `out`; `Interrupted` where the log was folded meanwhile.
    pub fn write_image(&self, out: &mut impl Write) -> io::Result<Revision> {
        let (last, floor) = {
            let log = self.log.read();
            (log.last(), log.floor())
        };
        // Names come before what names them: they are read after the log said how far it is.
        let bound = self.entities.read().bound();
        for number in [FORMAT, last, floor] {
            out.write_all(&number.to_le_bytes())?;
        }
        let symbols = Symbols::clone(&self.symbols.read());
        write_names(out, symbols.types())?;
        write_names(out, symbols.relations())?;
        self.write_objects(out, bound)?;
        self.write_changes(out, last, floor)?;
        self.write_conditions(out, last, floor)?;
        Ok(Revision(last))
    }

    fn write_objects(&self, out: &mut impl Write, bound: usize) -> io::Result<()> {
        let mut page = Vec::new();
        for start in (0..bound).step_by(PAGE) {
            let mut count = 0;
            {
                let entities = self.entities.read();
                for number in start..bound.min(start + PAGE) {
                    let entity = EntityId(short(number)?);
                    let id = entities.id(entity).to_string();
                    // Numbers that nobody has yet have no id.
                    if let Some(kind) = entities.kind(entity).filter(|_| !id.is_empty()) {
                        page.extend(kind.0.to_le_bytes());
                        push_text(&mut page, &id)?;
                        count += 1;
                    }
                }
            }
            write_page(out, count, &mut page)?;
        }
        end_list(out)
    }

    fn write_changes(&self, out: &mut impl Write, last: u32, floor: u32) -> io::Result<()> {
        let mut page = Vec::with_capacity(PAGE * CHANGE);
        let mut after = 0;
        while after < last {
            let mut count = 0;
            {
                let log = self.log.read();
                unfolded(&log, floor)?;
                let upto = log.after(after).take(PAGE);
                for entry in upto.take_while(|entry| entry.revision <= last) {
                    push_change(&mut page, &entry);
                    after = entry.revision;
                    count += 1;
                }
            }
            if count == 0 {
                break;
            }
            write_page(out, count, &mut page)?;
        }
        end_list(out)
    }

    fn write_conditions(&self, out: &mut impl Write, last: u32, floor: u32) -> io::Result<()> {
        let mut page = Vec::new();
        let mut after = 0;
        while after < last {
            let mut found = Vec::new();
            let from = after;
            {
                let log = self.log.read();
                unfolded(&log, floor)?;
                for entry in log.after(after).take(PAGE) {
                    after = entry.revision;
                    found.extend(entry.condition().map(|own| (entry.revision, own.clone())));
                }
            }
            if after == from {
                break;
            }
            let mut count = 0;
            for (revision, condition) in found.iter().filter(|(own, _)| *own <= last) {
                let text = serde_json::to_vec(&**condition)?;
                page.extend(revision.to_le_bytes());
                page.extend(short(text.len())?.to_le_bytes());
                page.extend(text);
                count += 1;
            }
            if count > 0 {
                write_page(out, count, &mut page)?;
            }
        }
        end_list(out)
    }
}

/// Fills an empty store.
pub(super) fn read(store: &mut Store, image: &mut impl Read) -> io::Result<()> {
    if read_u32(image)? != FORMAT {
        return Err(broken("an image of another version"));
    }
    let (last, floor) = (read_u32(image)?, read_u32(image)?);
    read_symbols(image, store.symbols.get_mut())?;
    read_objects(image, store.entities.get_mut())?;
    let mut log = Log::folded(floor);
    let bound = store.entities.get_mut().bound();
    let names = store.symbols.get_mut().relations().len();
    read_changes(image, &mut log, bound, names)?;
    read_conditions(image, &mut log)?;
    if log.last() != last {
        return Err(broken("an image that lacks changes"));
    }
    *store.log.get_mut() = log;
    Ok(())
}

fn read_symbols(image: &mut impl Read, symbols: &mut Symbols) -> io::Result<()> {
    let full = |_| broken("an image with too many names");
    read_names(image, |name| {
        symbols.intern_type(name).map(drop).map_err(full)
    })?;
    read_names(image, |name| {
        symbols.intern_relation(name).map(drop).map_err(full)
    })
}

fn read_objects(image: &mut impl Read, entities: &mut Entities) -> io::Result<()> {
    let mut id = [0; MAX_NAME];
    loop {
        let count = read_u32(image)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            let kind = TypeId(read_u16(image)?);
            let id = read_text(image, &mut id)?;
            // Numbers are given in the same order again, and so are the same.
            let interned = entities.intern(kind, id);
            interned.map_err(|_| broken("an image with too many objects"))?;
        }
    }
}

fn read_changes(
    image: &mut impl Read,
    log: &mut Log,
    bound: usize,
    names: usize,
) -> io::Result<()> {
    let mut bytes = [0; CHANGE];
    loop {
        let count = read_u32(image)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            image.read_exact(&mut bytes)?;
            let (change, millis, is_conditioned) = parse_change(&bytes);
            let is_known = change.object.index() < bound && change.user.index() < bound;
            let relations = [change.relation, change.user_relation];
            let is_named = relations.iter().all(|own| usize::from(own.0) <= names);
            if !is_known || !is_named || !log.takes(change.revision) {
                return Err(broken("an image whose changes are not in order"));
            }
            log.push_marked(&change, millis, is_conditioned);
        }
    }
}

fn read_conditions(image: &mut impl Read, log: &mut Log) -> io::Result<()> {
    loop {
        let count = read_u32(image)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            let revision = read_u32(image)?;
            let len = read_u32(image)? as usize;
            if len > MAX_CONDITION {
                return Err(broken("an image with a condition that is too long"));
            }
            let mut text = vec![0; len];
            image.read_exact(&mut text)?;
            let condition: TupleCondition = serde_json::from_slice(&text)?;
            log.set_condition(revision, condition.into());
        }
    }
}

fn push_change(page: &mut Vec<u8>, entry: &Entry<'_>) {
    let edge = entry.edge;
    for number in [entry.revision, entry.object().0, edge.far().0] {
        page.extend(number.to_le_bytes());
    }
    for relation in [edge.first(), edge.second()] {
        page.extend(relation.0.to_le_bytes());
    }
    let deleted = if entry.is_delete() { DELETED } else { 0 };
    let conditioned = if edge.is_conditioned() {
        CONDITIONED
    } else {
        0
    };
    page.push(deleted | conditioned);
    page.extend(entry.millis().to_le_bytes());
}

fn parse_change(bytes: &[u8; CHANGE]) -> (Change, u64, bool) {
    let mut rest = bytes.as_slice();
    // The array is as long as all parts together.
    let mut number = || read_u32(&mut rest).unwrap_or_default();
    let [revision, object, user] = [number(), number(), number()];
    let mut name = || RelationId(read_u16(&mut rest).unwrap_or_default());
    let [relation, user_relation] = [name(), name()];
    let (flags, millis) = rest.split_first().unwrap_or((&0, &[]));
    let change = Change {
        object: EntityId(object),
        relation,
        user: EntityId(user),
        user_relation,
        revision,
        condition: None,
        is_delete: flags & DELETED != 0,
    };
    let millis = millis.try_into().map_or(0, u64::from_le_bytes);
    (change, millis, flags & CONDITIONED != 0)
}

fn write_names<'a>(
    out: &mut impl Write,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> io::Result<()> {
    let count = names.len();
    let mut page = Vec::new();
    for name in names {
        push_text(&mut page, name)?;
    }
    if count > 0 {
        write_page(out, count, &mut page)?;
    }
    end_list(out)
}

fn read_names(
    image: &mut impl Read,
    mut take: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut text = [0; MAX_NAME];
    loop {
        let count = read_u32(image)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            take(read_text(image, &mut text)?)?;
        }
    }
}

fn push_text(page: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let len = u16::try_from(text.len()).map_err(|_| broken("a name that is too long"))?;
    page.extend(len.to_le_bytes());
    page.extend(text.as_bytes());
    Ok(())
}

fn read_text<'a>(image: &mut impl Read, into: &'a mut [u8; MAX_NAME]) -> io::Result<&'a str> {
    let len = usize::from(read_u16(image)?);
    let wrong = || broken("an image with a name that is none");
    let bytes = into.get_mut(..len).ok_or_else(wrong)?;
    image.read_exact(bytes)?;
    std::str::from_utf8(bytes).map_err(|_| wrong())
}

/// Writes a page that is not empty, and empties it.
fn write_page(out: &mut impl Write, count: usize, page: &mut Vec<u8>) -> io::Result<()> {
    if count > 0 {
        out.write_all(&short(count)?.to_le_bytes())?;
        out.write_all(page)?;
    }
    page.clear();
    Ok(())
}

fn end_list(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&0_u32.to_le_bytes())
}

fn read_u32(image: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    image.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read_u16(image: &mut impl Read) -> io::Result<u16> {
    let mut bytes = [0; 2];
    image.read_exact(&mut bytes)?;
    Ok(u16::from_le_bytes(bytes))
}

fn short(number: usize) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| broken("an image that is too large"))
}

fn unfolded(log: &Log, floor: u32) -> io::Result<()> {
    if log.floor() == floor {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::Interrupted,
        "the log was folded",
    ))
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
