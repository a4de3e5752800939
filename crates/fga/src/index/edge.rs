//! One end of a tuple in eight bytes.

use std::fmt;

use crate::ids::{EntityId, RelationId};

/// The far end of a tuple, as seen from its object or from its user's object. Sorted by the
/// relation of the tuple, then by the relation of a userset, then by the entity at the far end:
///
/// | bits | from the object | from the user |
/// |---|---|---|
/// | 16 | relation of the tuple | relation of the userset, or 0 |
/// | 15 | relation of the userset, or 0 | relation of the tuple |
/// | 32 | the user's object | the object |
/// | 1 | whether there is a condition | the same |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Edge(u64);

impl Edge {
    /// An edge whose tuple has no condition.
    pub(crate) const fn new(first: RelationId, second: RelationId, far: EntityId) -> Self {
        let first = (first.0 as u64) << 48;
        let second = (second.0 as u64) << 33;
        Self(first | second | ((far.0 as u64) << 1))
    }

    /// The same, whose tuple has a condition or not.
    pub(crate) const fn conditioned(self, conditioned: bool) -> Self {
        Self(self.0 & !1 | conditioned as u64)
    }

    /// What identifies the edge in its row: all but the condition.
    pub(crate) const fn key(self) -> u64 {
        self.0 >> 1
    }

    pub(crate) const fn is_conditioned(self) -> bool {
        self.0 & 1 == 1
    }

    pub(crate) const fn first(self) -> RelationId {
        RelationId((self.0 >> 48) as u16)
    }

    pub(crate) const fn second(self) -> RelationId {
        RelationId((self.0 >> 33 & 0x7fff) as u16)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bits above are cut off"
    )]
    pub(crate) const fn far(self) -> EntityId {
        EntityId((self.0 >> 1) as u32)
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (self.first().0, self.second().0);
        write!(f, "{first}:{second}->{}", self.far().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept() {
        let edge = Edge::new(RelationId(65_000), RelationId(32_767), EntityId(u32::MAX));
        for edge in [edge, edge.conditioned(true)] {
            assert_eq!(edge.first(), RelationId(65_000));
            assert_eq!(edge.second(), RelationId(32_767));
            assert_eq!(edge.far(), EntityId(u32::MAX));
        }
        assert_eq!(edge.key(), edge.conditioned(true).key());
        assert!(edge.conditioned(true).is_conditioned());
        assert!(!edge.is_conditioned());
    }
}
