//! How much one render may do.

use minijinja::{Error, ErrorKind, State};

/// Most bytes of an inline source.
pub(super) const SOURCE_BYTES: usize = 64 * 1024;
/// Most tokens of one tag, which bounds how deep an expression nests.
pub(super) const TAG_TOKENS: usize = 400;
/// Most tags of one source, which bounds how deep statements nest.
pub(super) const TAGS: usize = 2_000;
/// Most `elif` of one source: each nests in the one before.
pub(super) const BRANCHES: usize = 100;
/// Most instructions of one render.
pub(super) const FUEL: u64 = 20_000;
/// Most bytes of a rendered text.
pub(super) const OUTPUT_BYTES: usize = 1024 * 1024;
/// Most bytes of text that one render makes on the way: every operand of a concatenation, every
/// result of a filter and everything emitted counts.
pub(super) const WORK_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes of plain text inside loops and macros. Such text is written without asking the budget,
/// so that it is bounded at load. (Text of included files is counted with each include.)
pub(super) const REPEATED_BYTES: usize = 32 * 1024;
/// Most mentions of assigned names inside list and map literals. Such literals can share what they
/// hold, so that a few doublings make a value that takes forever to compare.
pub(super) const GATHERED: usize = 24;
/// How deep includes and macro calls nest.
pub(super) const RECURSION: usize = 100;

/// The bytes of work done by the render that owns the state.
struct Work(usize);

/// Adds `bytes` to the work of this render.
///
/// # Errors
/// When the render did too much.
pub(super) fn charge(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let work = state.get_or_insert_extension_with(|| Work(0));
    work.0 = work.0.saturating_add(bytes);
    if work.0 > WORK_BYTES {
        return Err(too_much());
    }
    Ok(())
}

/// What is left of the work of this render.
pub(super) fn left(state: &State<'_, '_>) -> usize {
    WORK_BYTES
        - state
            .get_extension::<Work>()
            .map_or(0, |work| work.0.min(WORK_BYTES))
}

/// The render would need more memory than it may.
pub(super) fn too_much() -> Error {
    Error::from(ErrorKind::OutOfFuel)
}
