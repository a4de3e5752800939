//! Evaluation: one walk over the program, borrowing from the scope and the program.

mod access;
mod arithmetic;
mod compare;
mod loops;

use smallvec::SmallVec;
use ztag_types::Scope;

pub(crate) use compare::{equal, order};

use crate::cel::functions::Function;
use crate::cel::meter::Meter;
use crate::cel::program::{Alternative, Bind, Constant, Entry, Item, Op, OptionalMap, SlotPath};
use crate::cel::val::{Dict, Val};
use crate::error::EvalError;

/// One evaluation of one program.
pub(crate) struct Evaluation<'a> {
    scope: Scope<'a>,
    locals: SmallVec<[Local<'a>; 4]>,
    meter: Meter,
}

/// A variable of a comprehension or binding.
enum Local<'a> {
    /// Its value.
    Ready(Val<'a>),
    /// Not read yet.
    Pending(&'a Op),
    /// It has no value.
    Failed(EvalError),
}

impl<'a> Evaluation<'a> {
    /// A fresh evaluation over `scope`.
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self {
            scope,
            locals: SmallVec::new(),
            meter: Meter::new(),
        }
    }

    /// The value of `op`.
    pub(crate) fn value(&mut self, op: &'a Op) -> Result<Val<'a>, EvalError> {
        match op {
            Op::Constant(constant) => self.constant(constant),
            Op::Slot(path) => self.slot(path),
            Op::Local(depth) => self.local(*depth),
            Op::Select(select) => self.select(select),
            Op::Index(index) => self.index(index),
            Op::List(items) => self.list(items),
            Op::Map(entries) => self.map(entries),
            Op::Negate(inner) => self.negate(inner),
            Op::If(parts) => self.conditional(parts),
            Op::Arithmetic(pair, operator) => self.arithmetic(pair, *operator),
            Op::Call(function, args) => self.call(function, args),
            Op::Loop(walk) => self.walk(walk),
            Op::Bind(bind) => self.bind(bind),
            Op::OptionalMap(map) => self.optional_map(map),
            Op::OrElse(pair, alternative) => self.or_else(pair, *alternative),
            Op::Fail(message) => Err(EvalError::new(message.to_string())),
            Op::Has(_)
            | Op::Not(_)
            | Op::And(_)
            | Op::Or(_)
            | Op::Equal(..)
            | Op::Order(..)
            | Op::In(_)
            | Op::Matches(..) => self.truth(op).map(Val::Bool),
        }
    }

    /// The truth of `op`; a value that is not a `bool` is an error.
    pub(crate) fn truth(&mut self, op: &'a Op) -> Result<bool, EvalError> {
        self.meter.step()?;
        match op {
            Op::And(pair) => self.either(pair, false),
            Op::Or(pair) => self.either(pair, true),
            Op::Not(inner) => self.truth(inner).map(|truth| !truth),
            Op::Equal(pair, negated) => self.equal(pair).map(|equal| equal != *negated),
            Op::Order(pair, order) => self.order(pair, *order),
            Op::In(pair) => self.contains(pair),
            Op::Has(select) => self.has(select),
            Op::Matches(text, regex) => self.matches(text, regex),
            other => self.plain_truth(other),
        }
    }

    fn plain_truth(&mut self, op: &'a Op) -> Result<bool, EvalError> {
        match self.value(op)? {
            Val::Bool(truth) => Ok(truth),
            other => Err(EvalError::new(match other {
                Val::Null => "a condition is null, not a bool",
                Val::Str(_) => "a condition is a string, not a bool",
                _ => "a condition is not a bool",
            })),
        }
    }

    /// `&&` and `||`: a side that is `decisive` decides, even when the other side is an error.
    fn either(&mut self, pair: &'a [Op; 2], decisive: bool) -> Result<bool, EvalError> {
        let [left, right] = pair;
        let left = self.truth(left);
        if left == Ok(decisive) {
            return left;
        }
        match self.truth(right) {
            Ok(truth) if truth == decisive => Ok(decisive),
            right => left.and(right),
        }
    }

    fn constant(&mut self, constant: &'a Constant) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        match constant {
            Constant::Value(value) => Val::read(value.view()),
            Constant::Type(name) => Ok(Val::Type(name)),
            Constant::Ip(address) => Ok(Val::Ip(*address)),
            Constant::Cidr(network) => Ok(Val::Cidr(*network)),
        }
    }

    fn slot(&mut self, path: &'a SlotPath) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let mut view = self.scope.slot(path.slot);
        for step in &path.steps {
            view = match view.field(step) {
                Some(next) => next,
                None => return Err(access::missing(view, step)),
            };
        }
        Val::read(view)
    }

    fn local(&mut self, depth: usize) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        match self.locals.get(depth) {
            Some(Local::Ready(value)) => Ok(value.clone()),
            Some(Local::Failed(error)) => Err(error.clone()),
            Some(Local::Pending(op)) => {
                let op: &'a Op = op;
                self.force(depth, op)
            }
            None => Err(EvalError::new("a variable is out of scope")),
        }
    }

    /// Evaluates a binding where it stands: with the variables that are in scope there.
    fn force(&mut self, depth: usize, op: &'a Op) -> Result<Val<'a>, EvalError> {
        let inner: SmallVec<[Local<'a>; 4]> = self.locals.drain(depth..).collect();
        let value = self.value(op);
        self.locals.truncate(depth);
        self.locals.extend(inner);
        if let Some(local) = self.locals.get_mut(depth) {
            *local = match &value {
                Ok(value) => Local::Ready(value.clone()),
                Err(error) => Local::Failed(error.clone()),
            };
        }
        value
    }

    fn bind(&mut self, bind: &'a Bind) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let depth = self.locals.len();
        self.locals.push(Local::Pending(&bind.value));
        let value = self.value(&bind.body);
        self.locals.truncate(depth);
        value
    }

    fn optional_map(&mut self, map: &'a OptionalMap) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let held = match self.value(&map.operand)? {
            Val::Optional(Some(held)) => held,
            Val::Optional(None) => return Ok(Val::Optional(None)),
            _ => return Err(EvalError::no_overload("optMap")),
        };
        let depth = self.locals.len();
        self.locals
            .push(Local::Ready(std::rc::Rc::unwrap_or_clone(held)));
        let mapped = self.value(&map.body);
        self.locals.truncate(depth);
        match (mapped?, map.flat) {
            (value, false) => Ok(Val::some(value)),
            (value @ Val::Optional(_), true) => Ok(value),
            _ => Err(EvalError::no_overload("optFlatMap")),
        }
    }

    /// The alternative is evaluated only when it is needed.
    fn or_else(
        &mut self,
        pair: &'a [Op; 2],
        alternative: Alternative,
    ) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let [optional, other] = pair;
        match (self.value(optional)?, alternative) {
            (Val::Optional(Some(held)), Alternative::Value) => {
                Ok(std::rc::Rc::unwrap_or_clone(held))
            }
            (Val::Optional(None), Alternative::Value) => self.value(other),
            (held @ Val::Optional(Some(_)), Alternative::Optional) => Ok(held),
            (Val::Optional(None), Alternative::Optional) => match self.value(other)? {
                other @ Val::Optional(_) => Ok(other),
                _ => Err(EvalError::no_overload("or")),
            },
            _ => Err(EvalError::no_overload("orValue")),
        }
    }

    fn conditional(&mut self, parts: &'a [Op; 3]) -> Result<Val<'a>, EvalError> {
        let [condition, yes, no] = parts;
        if self.truth(condition)? {
            self.value(yes)
        } else {
            self.value(no)
        }
    }

    fn call(&mut self, function: &'static Function, args: &'a [Op]) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let mut values: SmallVec<[Val<'a>; 3]> = SmallVec::new();
        for arg in args {
            values.push(self.value(arg)?);
        }
        (function.run)(&mut self.meter, &values).map_err(|error| error.named(function.name))
    }

    fn matches(&mut self, text: &'a Op, regex: &regex::Regex) -> Result<bool, EvalError> {
        match self.value(text)? {
            Val::Str(text) => {
                self.meter.bytes(text.as_str().len())?;
                Ok(regex.is_match(text.as_str()))
            }
            _ => Err(EvalError::no_overload("matches")),
        }
    }

    fn list(&mut self, items: &'a [Item]) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let mut built = Vec::with_capacity(items.len());
        for item in items {
            let value = self.value(&item.value)?;
            built.extend(if item.optional {
                held(value)?
            } else {
                Some(value)
            });
        }
        Ok(Val::list(built))
    }

    fn map(&mut self, entries: &'a [Entry]) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let mut built = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.value(&entry.key)?.into_key()?;
            let value = self.value(&entry.value)?;
            let value = if entry.optional {
                held(value)?
            } else {
                Some(value)
            };
            built.extend(value.map(|value| (key, value)));
        }
        Dict::build(built).map(Val::Map)
    }
}

/// What an optional holds.
fn held(value: Val<'_>) -> Result<Option<Val<'_>>, EvalError> {
    match value {
        Val::Optional(held) => Ok(held.map(std::rc::Rc::unwrap_or_clone)),
        _ => Err(EvalError::new("an optional entry is not an optional")),
    }
}
