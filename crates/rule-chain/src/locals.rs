//! Local variables of a rule: evaluated once, and only when something reads them.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use ztag_expr::Hybrid;
use ztag_types::{Object, Reads, Root, Scope, Value, View};

/// The local variables of a rule, each after all it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locals(Box<[Local]>);

#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) name: Arc<str>,
    pub(crate) source: Hybrid,
    /// The locals it reads, directly or through others; all stand before it.
    needs: Box<[usize]>,
    /// What it reads, directly or through others.
    reads: Reads,
}

/// The locals that an expression needs, in the order of evaluation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs(Box<[usize]>);

/// The values of one judgement.
pub(crate) struct LocalValues<'r> {
    locals: &'r [Local],
    values: SmallVec<[Cell; 4]>,
}

/// A value once it is evaluated, or why there is none.
type Cell = OnceLock<Result<Value, Box<str>>>;

impl Locals {
    /// Wraps variables that are in order already.
    pub(crate) fn new(ordered: impl IntoIterator<Item = (Arc<str>, Hybrid)>) -> Self {
        let mut locals: Vec<Local> = Vec::new();
        for (name, source) in ordered {
            let needs = needs(&locals, source.reads());
            let mut reads = source.reads().clone();
            for local in needs.iter().filter_map(|index| locals.get(*index)) {
                reads.extend(&local.reads);
            }
            locals.push(Local {
                name,
                source,
                needs,
                reads,
            });
        }
        Self(locals.into())
    }

    /// What an expression with these `reads` needs, directly or through others.
    pub(crate) fn needed_by(&self, reads: &Reads) -> Needs {
        Needs(needs(&self.0, reads))
    }

    /// `reads` with what the locals it needs read in turn.
    pub(crate) fn read_through(&self, reads: &Reads) -> Reads {
        let mut all = reads.clone();
        for local in needs(&self.0, reads)
            .iter()
            .filter_map(|index| self.0.get(*index))
        {
            all.extend(&local.reads);
        }
        all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Local> {
        self.0.iter()
    }

    /// No value yet.
    pub(crate) fn unset(&self) -> LocalValues<'_> {
        LocalValues {
            locals: &self.0,
            values: self.0.iter().map(|_| OnceLock::new()).collect(),
        }
    }
}

/// Whether `reads` reads the local variable `name`.
pub(crate) fn reads_local(reads: &Reads, name: &str) -> bool {
    reads.touches(&[Root::Variables.as_str(), "local", name])
}

fn needs(locals: &[Local], reads: &Reads) -> Box<[usize]> {
    let mut needed = vec![false; locals.len()];
    for (index, local) in locals.iter().enumerate() {
        if reads_local(reads, &local.name) {
            for need in local.needs.iter().copied().chain([index]) {
                if let Some(needed) = needed.get_mut(need) {
                    *needed = true;
                }
            }
        }
    }
    let needed = needed.iter().enumerate();
    needed
        .filter(|(_, needed)| **needed)
        .map(|(index, _)| index)
        .collect()
}

impl LocalValues<'_> {
    /// Evaluates what is needed and not evaluated yet, over a scope whose `variables.local` is
    /// `self`. A failure is kept: it is an error for whoever reads it, and for nobody else.
    pub(crate) fn prepare(&self, needs: &Needs, scope: Scope<'_>) {
        for index in &needs.0 {
            if let (Some(local), Some(cell)) = (self.locals.get(*index), self.values.get(*index)) {
                cell.get_or_init(|| {
                    let value = local.source.evaluate(scope);
                    value.map_err(|error| error.to_string().into_boxed_str())
                });
            }
        }
    }

    /// The variables evaluated so far.
    pub(crate) fn evaluated(&self) -> impl Iterator<Item = (&Local, Result<&Value, &str>)> {
        let pairs = self.locals.iter().zip(&self.values);
        pairs.filter_map(|(local, cell)| {
            let value = cell.get()?;
            Some((local, value.as_ref().map_err(AsRef::as_ref)))
        })
    }
}

impl Object for LocalValues<'_> {
    fn field(&self, name: &str) -> Option<View<'_>> {
        let index = self.locals.iter().position(|local| *local.name == *name)?;
        Some(match self.values.get(index).and_then(OnceLock::get) {
            Some(Ok(value)) => value.view(),
            Some(Err(message)) => View::Failed(message),
            // Nobody said it would be read: closed.
            None => View::Failed("a local variable was not evaluated"),
        })
    }

    fn names(&self) -> Vec<&str> {
        let values = self.evaluated();
        let mut names: Vec<_> = values
            .filter(|(_, value)| value.is_ok())
            .map(|(local, _)| &*local.name)
            .collect();
        names.sort_unstable();
        names
    }
}
