//! Which resolver of `OpenFGA` to answer as, on the command line.

use clap::{Args, ValueEnum};
use ztag_fga::{Limits, Semantics};

#[derive(Debug, Args)]
pub(super) struct SemanticsArguments {
    /// Which resolver of `OpenFGA` to answer as.
    #[arg(long, value_enum, default_value_t)]
    semantics: Name,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Name {
    /// The recursive one.
    #[default]
    V1,
    /// The weighted graph, which refuses some models and questions.
    Weighted,
}

impl SemanticsArguments {
    /// The usual limits with these semantics.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            semantics: match self.semantics {
                Name::V1 => Semantics::V1,
                Name::Weighted => Semantics::Weighted,
            },
            ..Limits::default()
        }
    }
}
