//! A map from small numbers whose copies share what is the same.

use std::sync::Arc;

/// Children of a branch.
const WIDTH: usize = 32;
/// Bits of a key that one level looks at.
const BITS: u32 = 5;

/// A persistent map. A clone costs nothing; a change copies the branches on the way, unless
/// nobody else sees them.
#[derive(Clone, Debug)]
pub(crate) struct Trie<T> {
    root: Option<Arc<Branch<T>>>,
    /// Levels of branches.
    height: u32,
    len: usize,
}

#[derive(Clone, Debug)]
enum Branch<T> {
    Inner([Option<Arc<Branch<T>>>; WIDTH]),
    Leaf([Option<Arc<T>>; WIDTH]),
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self {
            root: None,
            height: 1,
            len: 0,
        }
    }
}

impl<T: Clone + Default> Trie<T> {
    /// How many keys have a value.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn find(&self, key: u32) -> Option<&T> {
        let mut branch = self.root.as_deref()?;
        let mut level = self.height;
        if key.checked_shr(BITS * level).unwrap_or_default() != 0 {
            return None;
        }
        loop {
            level -= 1;
            let slot = (key >> (BITS * level)) as usize % WIDTH;
            match branch {
                Branch::Inner(children) => branch = children.get(slot)?.as_deref()?,
                Branch::Leaf(values) => return values.get(slot)?.as_deref(),
            }
        }
    }

    /// The value of `key` to be changed, made where there is none.
    pub(crate) fn entry(&mut self, key: u32) -> &mut T {
        while key.checked_shr(BITS * self.height).unwrap_or_default() != 0 {
            self.grow();
        }
        let top = self.height - 1;
        let mut len = self.len;
        let root = self
            .root
            .get_or_insert_with(|| Arc::new(Branch::empty(top)));
        let value = root_entry(root, key, top, &mut len);
        self.len = len;
        value
    }

    fn grow(&mut self) {
        if let Some(root) = self.root.take() {
            let mut children = [const { None }; WIDTH];
            if let Some(first) = children.first_mut() {
                *first = Some(root);
            }
            self.root = Some(Arc::new(Branch::Inner(children)));
        }
        self.height += 1;
    }
}

impl<T: Clone + Default> Branch<T> {
    const fn empty(level: u32) -> Self {
        if level == 0 {
            Self::Leaf([const { None }; WIDTH])
        } else {
            Self::Inner([const { None }; WIDTH])
        }
    }
}

#[expect(clippy::indexing_slicing, reason = "a slot is below the width")]
fn root_entry<'a, T: Clone + Default>(
    branch: &'a mut Arc<Branch<T>>,
    key: u32,
    level: u32,
    len: &mut usize,
) -> &'a mut T {
    let slot = (key >> (BITS * level)) as usize % WIDTH;
    match Arc::make_mut(branch) {
        Branch::Inner(children) => {
            let below = level.saturating_sub(1);
            let child = children[slot].get_or_insert_with(|| Arc::new(Branch::empty(below)));
            root_entry(child, key, below, len)
        }
        Branch::Leaf(values) => {
            *len += usize::from(values[slot].is_none());
            Arc::make_mut(values[slot].get_or_insert_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_sizes() {
        let keys = [0, 1, 31, 32, 1023, 1024, 1 << 20, u32::MAX, u32::MAX - 1];
        let mut trie: Trie<u32> = Trie::default();
        for key in keys {
            assert_eq!(trie.find(key), None);
            *trie.entry(key) = key ^ 7;
            assert_eq!(trie.find(key), Some(&(key ^ 7)));
        }
        for key in keys {
            assert_eq!(trie.find(key), Some(&(key ^ 7)), "{key}");
        }
        assert_eq!(trie.find(33), None);
        assert_eq!(trie.len(), keys.len());
    }

    #[test]
    fn copies_do_not_see_later_changes() {
        let mut trie: Trie<u32> = Trie::default();
        *trie.entry(5) = 1;
        let before = trie.clone();
        *trie.entry(5) = 2;
        *trie.entry(70) = 3;
        assert_eq!((before.find(5), before.find(70)), (Some(&1), None));
        assert_eq!((trie.find(5), trie.find(70)), (Some(&2), Some(&3)));
    }
}
