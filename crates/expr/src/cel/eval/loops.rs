//! Comprehensions.

use super::{Evaluation, Local};
use crate::cel::program::{Loop, LoopKind, Op};
use crate::cel::val::{Dict, List, Val};
use crate::error::EvalError;

/// What a comprehension walks through.
enum Range<'a> {
    /// A list, by position.
    List(List<'a>),
    /// The keys of a map, with it where the values are wanted.
    Map(Vec<Val<'a>>, Dict<'a>),
}

impl<'a> Range<'a> {
    fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Map(keys, _) => keys.len(),
        }
    }

    /// Index or key of item `position`.
    fn key(&self, position: usize) -> Val<'a> {
        match self {
            Self::List(_) => Val::Int(i64::try_from(position).unwrap_or(i64::MAX)),
            Self::Map(keys, _) => keys.get(position).cloned().unwrap_or(Val::Null),
        }
    }

    /// Value of item `position`.
    fn value(&self, position: usize) -> Result<Val<'a>, EvalError> {
        let found = match self {
            Self::List(items) => items.get(position)?,
            Self::Map(_, map) => map.find(&self.key(position))?,
        };
        found.ok_or(EvalError::new("an item vanished"))
    }

    /// What a comprehension of one variable sees of item `position`.
    fn single(&self, position: usize) -> Result<Val<'a>, EvalError> {
        match self {
            Self::List(_) => self.value(position),
            Self::Map(..) => Ok(self.key(position)),
        }
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn walk(&mut self, walk: &'a Loop) -> Result<Val<'a>, EvalError> {
        self.meter.step()?;
        let range = self.range(&walk.range)?;
        let depth = self.locals.len();
        let result = match walk.kind {
            LoopKind::All => self.any(walk, &range, false).map(Val::Bool),
            LoopKind::Exists => self.any(walk, &range, true).map(Val::Bool),
            LoopKind::ExistsOne => self.exactly_one(walk, &range).map(Val::Bool),
            LoopKind::List => self.build_list(walk, &range),
            LoopKind::Map => self.build_map(walk, &range),
            LoopKind::MapEntry => self.build_entries(walk, &range),
        };
        self.locals.truncate(depth);
        result
    }

    fn range(&mut self, op: &'a Op) -> Result<Range<'a>, EvalError> {
        match self.value(op)? {
            Val::List(items) => Ok(Range::List(items)),
            Val::Map(map) => {
                self.meter.items(map.len())?;
                Ok(Range::Map(map.keys(), map))
            }
            _ => Err(EvalError::new("a comprehension needs a list or map")),
        }
    }

    /// Sets the variables to item `position`.
    fn enter(
        &mut self,
        walk: &Loop,
        range: &Range<'a>,
        depth: usize,
        position: usize,
    ) -> Result<(), EvalError> {
        self.meter.step()?;
        self.locals.truncate(depth);
        if walk.pairs {
            self.locals.push(Local::Ready(range.key(position)));
            self.locals.push(Local::Ready(range.value(position)?));
        } else {
            self.locals.push(Local::Ready(range.single(position)?));
        }
        Ok(())
    }

    /// `exists` for `decisive` true, `all` for false: an item with that truth decides, whatever
    /// errors other items bring.
    fn any(
        &mut self,
        walk: &'a Loop,
        range: &Range<'a>,
        decisive: bool,
    ) -> Result<bool, EvalError> {
        let depth = self.locals.len();
        let mut result = Ok(!decisive);
        for position in 0..range.len() {
            self.enter(walk, range, depth, position)?;
            match self.truth(&walk.body) {
                Ok(truth) if truth == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    fn exactly_one(&mut self, walk: &'a Loop, range: &Range<'a>) -> Result<bool, EvalError> {
        let depth = self.locals.len();
        let mut count = 0_usize;
        for position in 0..range.len() {
            self.enter(walk, range, depth, position)?;
            count += usize::from(self.truth(&walk.body)?);
        }
        Ok(count == 1)
    }

    /// The bodies of the items that the filter lets through, with their keys.
    fn bodies(
        &mut self,
        walk: &'a Loop,
        range: &Range<'a>,
        mut take: impl FnMut(Val<'a>, Val<'a>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let depth = self.locals.len();
        for position in 0..range.len() {
            self.enter(walk, range, depth, position)?;
            let wanted = match &walk.filter {
                Some(filter) => self.truth(filter)?,
                None => true,
            };
            if wanted {
                let body = self.value(&walk.body)?;
                take(range.key(position), body)?;
            }
        }
        Ok(())
    }

    fn build_list(&mut self, walk: &'a Loop, range: &Range<'a>) -> Result<Val<'a>, EvalError> {
        let mut items = Vec::new();
        self.bodies(walk, range, |_, body| {
            items.push(body);
            Ok(())
        })?;
        Ok(Val::list(items))
    }

    fn build_map(&mut self, walk: &'a Loop, range: &Range<'a>) -> Result<Val<'a>, EvalError> {
        let mut entries = Vec::new();
        self.bodies(walk, range, |key, body| {
            entries.push((key.into_key()?, body));
            Ok(())
        })?;
        Dict::build(entries).map(Val::Map)
    }

    fn build_entries(&mut self, walk: &'a Loop, range: &Range<'a>) -> Result<Val<'a>, EvalError> {
        let mut entries = Vec::new();
        self.bodies(walk, range, |_, body| match body {
            Val::Map(map) => {
                for (key, value) in map.entries()? {
                    entries.push((key.into_key()?, value));
                }
                Ok(())
            }
            _ => Err(EvalError::new(
                "the body of `transformMapEntry` is not a map",
            )),
        })?;
        Dict::build(entries).map(Val::Map)
    }
}
