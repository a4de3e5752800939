//! The bound on the work of one evaluation.

use crate::error::EvalError;

/// Steps that one evaluation may take.
const BUDGET: u32 = 100_000;

/// Bytes of text handled for one step.
const BYTES_PER_STEP: usize = 16;

/// What is left of the budget. Once it is spent every further step fails, so that no operator can
/// absorb the error and go on.
#[derive(Debug)]
pub(crate) struct Meter {
    left: u32,
}

impl Meter {
    /// A full budget.
    pub(crate) const fn new() -> Self {
        Self { left: BUDGET }
    }

    /// Pays one step.
    pub(crate) fn step(&mut self) -> Result<(), EvalError> {
        self.pay(1)
    }

    /// Pays `steps`, such as the items of a list built or searched.
    pub(crate) fn items(&mut self, items: usize) -> Result<(), EvalError> {
        self.pay(u32::try_from(items).unwrap_or(u32::MAX))
    }

    /// Pays for scanning or building `bytes` of text.
    pub(crate) fn bytes(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.items(bytes / BYTES_PER_STEP)
    }

    fn pay(&mut self, steps: u32) -> Result<(), EvalError> {
        let left = self.left.checked_sub(steps);
        self.left = left.unwrap_or(0);
        left.map(|_| ())
            .ok_or(EvalError::new("cost limit exceeded"))
    }
}
