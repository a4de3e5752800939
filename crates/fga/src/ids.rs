//! Numbers that stand for names.

/// A type. A store numbers the types of all its models alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TypeId(pub(crate) u16);

/// A relation name. 0 stands for no relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RelationId(pub(crate) u16);

impl RelationId {
    /// No relation: the user of a tuple is an object, or all objects of a type.
    pub(crate) const NONE: Self = Self(0);
}

/// An object, or all objects of a type. Numbers are never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub(crate) u32);

impl EntityId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A relation of a type, numbered within one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u16);

impl NodeId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The plan of the relation.
    pub(crate) const fn plan(self) -> PlanId {
        PlanId(self.0)
    }
}

/// A way to come to an answer, numbered within one model: first those of the relations, in their
/// order, then those of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlanId(pub(crate) u16);

impl PlanId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An intersection or exclusion, numbered within one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BarrierId(pub(crate) u16);

impl BarrierId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}
