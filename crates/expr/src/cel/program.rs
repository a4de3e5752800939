//! The program an expression is lowered to.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use regex::Regex;
use ztag_types::Value;

use crate::cel::functions::Function;

/// One operation.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A value known at load.
    Constant(Constant),
    /// A path of text keys from a slot of the scope.
    Slot(SlotPath),
    /// A variable of a comprehension or binding, by its depth.
    Local(usize),
    /// A field.
    Select(Box<Select>),
    /// An item of a list or map.
    Index(Box<Index>),
    /// Whether a field is there.
    Has(Box<Select>),
    /// A list.
    List(Box<[Item]>),
    /// A map.
    Map(Box<[Entry]>),
    /// Logical not.
    Not(Box<Op>),
    /// Arithmetic negation.
    Negate(Box<Op>),
    /// Logical and; an error on one side yields to false on the other.
    And(Box<[Op; 2]>),
    /// Logical or; an error on one side yields to true on the other.
    Or(Box<[Op; 2]>),
    /// The ternary operator.
    If(Box<[Op; 3]>),
    /// Equality, or its negation.
    Equal(Box<[Op; 2]>, bool),
    /// An ordering.
    Order(Box<[Op; 2]>, Order),
    /// Arithmetic.
    Arithmetic(Box<[Op; 2]>, Arithmetic),
    /// Membership.
    In(Box<[Op; 2]>),
    /// A match of a pattern known at load.
    Matches(Box<Op>, Regex),
    /// What an optional holds, else the other side: as an optional, or as a value.
    OrElse(Box<[Op; 2]>, Alternative),
    /// A function.
    Call(&'static Function, Box<[Op]>),
    /// A comprehension.
    Loop(Box<Loop>),
    /// A variable, evaluated when first read.
    Bind(Box<Bind>),
    /// A mapping of what an optional holds.
    OptionalMap(Box<OptionalMap>),
    /// An error known at load, kept for evaluation.
    Fail(Arc<str>),
}

/// What stands in for an absent optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alternative {
    /// Another optional (`or`).
    Optional,
    /// A value (`orValue`).
    Value,
}

/// A value known at load.
#[derive(Clone, Debug)]
pub(crate) enum Constant {
    /// A plain value.
    Value(Value),
    /// A type.
    Type(&'static str),
    /// An IP address.
    Ip(IpAddr),
    /// An IP network.
    Cidr(IpNet),
}

/// A path of text keys from a slot of the scope.
#[derive(Clone, Debug)]
pub(crate) struct SlotPath {
    /// The slot.
    pub(crate) slot: usize,
    /// The name of the slot in the vocabulary.
    pub(crate) name: Arc<str>,
    /// The keys stepped through.
    pub(crate) steps: Box<[Arc<str>]>,
}

/// A field of a value.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    /// The value.
    pub(crate) operand: Op,
    /// The field.
    pub(crate) field: Arc<str>,
    /// Whether the result is an optional (`a.?b`).
    pub(crate) optional: bool,
}

/// An item of a list or map.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// The list or map.
    pub(crate) operand: Op,
    /// Its index or key.
    pub(crate) key: Op,
    /// Whether the result is an optional (`a[?b]`).
    pub(crate) optional: bool,
}

/// An item of a list literal.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The value.
    pub(crate) value: Op,
    /// Whether it is an optional that is left out when absent.
    pub(crate) optional: bool,
}

/// An entry of a map literal.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: Op,
    /// The value.
    pub(crate) value: Op,
    /// Whether the value is an optional and the entry left out when absent.
    pub(crate) optional: bool,
}

/// An ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Order {
    /// The operator.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl Arithmetic {
    /// The operator.
    pub(crate) const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

/// What a comprehension computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    /// Whether the body holds for every item.
    All,
    /// Whether the body holds for some item.
    Exists,
    /// Whether the body holds for exactly one item.
    ExistsOne,
    /// The list of bodies.
    List,
    /// The map from the own keys to bodies.
    Map,
    /// The map of the entries that the bodies make.
    MapEntry,
}

/// A comprehension.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    /// What it computes.
    pub(crate) kind: LoopKind,
    /// The list or map walked through.
    pub(crate) range: Op,
    /// Whether index (or key) and value are bound, not just one of them.
    pub(crate) pairs: bool,
    /// Which items count, for those that build a list or map.
    pub(crate) filter: Option<Op>,
    /// The body.
    pub(crate) body: Op,
}

/// A variable, evaluated when first read.
#[derive(Clone, Debug)]
pub(crate) struct Bind {
    /// Its value.
    pub(crate) value: Op,
    /// Where it is visible.
    pub(crate) body: Op,
}

/// A mapping of what an optional holds.
#[derive(Clone, Debug)]
pub(crate) struct OptionalMap {
    /// The optional.
    pub(crate) operand: Op,
    /// What its value is mapped to.
    pub(crate) body: Op,
    /// Whether the body is an optional itself.
    pub(crate) flat: bool,
}
