//! A diagnostic on its way to the report, with its place where no path leads there.

use ztag_types::Diagnostic;

use crate::place::Place;

/// A diagnostic and what is known of its place beyond its path.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) place: Option<Place>,
}

impl Note {
    /// A diagnostic whose place is known.
    pub(crate) const fn at(diagnostic: Diagnostic, place: Place) -> Self {
        Self {
            diagnostic,
            place: Some(place),
        }
    }

    /// A diagnostic whose place follows from its path, if it has any.
    pub(crate) const fn anywhere(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            place: None,
        }
    }
}
