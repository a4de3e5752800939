//! From places in a folded text back to the original.

/// Breaks, only where the distance between the two texts changes.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    breaks: Vec<Break>,
}

#[derive(Clone, Copy, Debug)]
struct Break {
    folded: usize,
    original: usize,
    /// One character that folds to another number of bytes: up to the next break every place
    /// belongs to it.
    is_whole: bool,
}

impl Offsets {
    pub(super) fn clear(&mut self) {
        self.breaks.clear();
    }

    /// From `folded` on, bytes are those from `original` on. Places only grow.
    pub(super) fn mark(&mut self, folded: usize, original: usize) {
        self.drop_empty(folded);
        let follows = match self.breaks.last() {
            None => folded == original,
            Some(last) => {
                !last.is_whole && folded - last.folded == original.wrapping_sub(last.original)
            }
        };
        if !follows {
            self.push(folded, original, false);
        }
    }

    /// At `folded` begins what one character at `original` folds to, of another length.
    pub(super) fn mark_whole(&mut self, folded: usize, original: usize) {
        self.drop_empty(folded);
        self.push(folded, original, true);
    }

    /// Forgets places from `folded` on.
    pub(super) fn truncate(&mut self, folded: usize) {
        while self.breaks.last().is_some_and(|last| last.folded >= folded) {
            self.breaks.pop();
        }
    }

    /// Where the character at `folded` starts in the original.
    pub(super) fn start(&self, folded: usize) -> usize {
        match self.before(folded).and_then(|at| self.breaks.get(at)) {
            None => folded,
            Some(last) if last.is_whole => last.original,
            Some(last) => last.original + (folded - last.folded),
        }
    }

    /// Where the character ends that ends before `folded`; `None`: with the text.
    pub(super) fn end(&self, folded: usize) -> Option<usize> {
        let Some(index) = self.before(folded) else {
            return Some(folded);
        };
        let last = self.breaks.get(index)?;
        if last.is_whole && folded > last.folded {
            return self.breaks.get(index + 1).map(|next| next.original);
        }
        Some(last.original + (folded - last.folded))
    }

    /// What stood at `folded` folded to nothing: the place belongs to the character that comes now.
    fn drop_empty(&mut self, folded: usize) {
        self.truncate(folded);
    }

    fn push(&mut self, folded: usize, original: usize, is_whole: bool) {
        self.breaks.push(Break {
            folded,
            original,
            is_whole,
        });
    }

    fn before(&self, folded: usize) -> Option<usize> {
        let after = self.breaks.partition_point(|at| at.folded <= folded);
        after.checked_sub(1)
    }
}
