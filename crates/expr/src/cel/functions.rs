//! The functions that expressions can call. They are data: a name, the kinds of value taken and
//! given, and the code.

mod convert;
mod encoders;
mod format;
mod lists;
mod math;
mod net;
mod optionals;
mod strings;
mod times;

use std::fmt;

use crate::cel::meter::Meter;
use crate::cel::val::Val;
use crate::error::EvalError;
use crate::shape::Shape;

/// The code of a function. Values of kinds that it does not take are [`mismatch`]es.
type Run = for<'a> fn(&mut Meter, &[Val<'a>]) -> Result<Val<'a>, EvalError>;

/// One function; for one called on a value, that value is the first argument.
pub(crate) struct Function {
    /// Its name, with its namespace.
    pub(crate) name: &'static str,
    /// Whether it is called on a value.
    pub(crate) receiver: bool,
    /// Arguments at the least.
    pub(crate) min: usize,
    /// Arguments at the most.
    pub(crate) max: usize,
    /// The kinds taken; the last stands for all further arguments.
    pub(crate) params: &'static [Kinds],
    /// The kind given.
    pub(crate) result: Kinds,
    /// The code.
    pub(crate) run: Run,
}

impl Function {
    const fn global(name: &'static str, params: &'static [Kinds], result: Kinds, run: Run) -> Self {
        Self {
            name,
            receiver: false,
            min: params.len(),
            max: params.len(),
            params,
            result,
            run,
        }
    }

    const fn method(name: &'static str, params: &'static [Kinds], result: Kinds, run: Run) -> Self {
        Self {
            receiver: true,
            ..Self::global(name, params, result, run)
        }
    }

    /// The same with this number of arguments at the least.
    const fn at_least(mut self, min: usize) -> Self {
        self.min = min;
        self
    }

    /// The same with this number of arguments at the most.
    const fn at_most(mut self, max: usize) -> Self {
        self.max = max;
        self
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A set of kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    const NULL: Self = Self(1);
    const BOOL: Self = Self(1 << 1);
    const INT: Self = Self(1 << 2);
    const UINT: Self = Self(1 << 3);
    const DOUBLE: Self = Self(1 << 4);
    const STRING: Self = Self(1 << 5);
    const BYTES: Self = Self(1 << 6);
    const TIMESTAMP: Self = Self(1 << 7);
    const DURATION: Self = Self(1 << 8);
    const LIST: Self = Self(1 << 9);
    const MAP: Self = Self(1 << 10);
    /// Types, optionals, addresses and networks, which no shape tells apart.
    const OTHER: Self = Self(1 << 11);
    const NUMBER: Self = Self::INT.or(Self::UINT).or(Self::DOUBLE);
    const ANY: Self = Self(u16::MAX);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a value can be of both.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds that values of `shape` are of.
    pub(crate) const fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Any => Self::ANY,
            Shape::Null => Self::NULL,
            Shape::Bool => Self::BOOL,
            Shape::Int => Self::INT,
            Shape::Uint => Self::UINT,
            Shape::Double => Self::DOUBLE,
            Shape::String => Self::STRING,
            Shape::Bytes => Self::BYTES,
            Shape::Timestamp => Self::TIMESTAMP,
            Shape::Duration => Self::DURATION,
            Shape::List(_) => Self::LIST,
            Shape::Map(_) | Shape::Record(_) => Self::MAP,
        }
    }

    /// What is known of a value of these kinds.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::BOOL => Shape::Bool,
            Self::INT => Shape::Int,
            Self::UINT => Shape::Uint,
            Self::DOUBLE => Shape::Double,
            Self::STRING => Shape::String,
            Self::BYTES => Shape::Bytes,
            Self::TIMESTAMP => Shape::Timestamp,
            Self::DURATION => Shape::Duration,
            Self::LIST => Shape::list(Shape::Any),
            _ => Shape::Any,
        }
    }
}

static TABLES: &[&[Function]] = &[
    convert::TABLE,
    encoders::TABLE,
    lists::TABLE,
    math::TABLE,
    net::TABLE,
    optionals::TABLE,
    strings::TABLE,
    times::TABLE,
];

/// The function `name`, called on a value or not.
pub(crate) fn find(name: &str, receiver: bool) -> Option<&'static Function> {
    all().find(|function| function.receiver == receiver && function.name == name)
}

/// The names of functions that are called on a value, or of those that are not.
pub(crate) fn names(receiver: bool) -> impl Iterator<Item = &'static str> {
    let macros: &[&str] = if receiver { RECEIVER_MACROS } else { &["has"] };
    let functions = all().filter(move |function| function.receiver == receiver);
    functions
        .map(|function| function.name)
        .chain(macros.iter().copied())
}

const RECEIVER_MACROS: &[&str] = &[
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "map",
    "filter",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "optMap",
    "optFlatMap",
    "or",
    "orValue",
];

/// Whether functions have names that begin with `name` and a dot.
pub(crate) fn is_namespace(name: &str) -> bool {
    name == "cel"
        || all().any(|function| {
            function
                .name
                .split_once('.')
                .is_some_and(|(space, _)| space == name)
        })
}

/// The type that `name` denotes.
pub(crate) fn type_named(name: &str) -> Option<&'static str> {
    const TYPES: &[&str] = &[
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "optional_type",
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "net.IP",
        "net.CIDR",
    ];
    TYPES.iter().copied().find(|own| *own == name)
}

fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().copied().flatten()
}

/// The error for values of kinds that a function does not take; its caller adds the name.
#[cold]
fn mismatch<T>() -> Result<T, EvalError> {
    Err(EvalError::no_overload(""))
}
