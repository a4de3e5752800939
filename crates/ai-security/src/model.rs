//! A linear model of character and word n-grams, small enough to embed and fast enough for every
//! request.
//!
//! It reads text folded by [`Normalized`](crate::normalize::Normalized) in windows of a few hundred
//! characters and looks one weight of eight bits up for each n-gram, in one table for what people and
//! models say and in another for what only others write. The margin of a text is that of
//! its best window and of the rules that it hits; a curve fitted for each channel makes a probability
//! of it. Nothing is allocated. Weights come from `cargo xtask train-guard`, which writes beside them
//! what they were trained on and what they are not good for.

pub mod calibration;
mod explain;
pub mod features;
pub mod reading;
mod themes;
pub mod weights;
mod window;

use std::ops::Range;
use std::sync::LazyLock;

use crate::rules::Touch;
use crate::{Bands, Channel};

pub use explain::Reason;
pub use weights::{RATES, TABLES, Weights, WeightsError, table};
pub use window::{damping, widths};

/// A trained model.
#[derive(Clone, Debug)]
pub struct Model {
    weights: Weights,
}

/// What the model says of one text, or of one view of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Margin {
    /// Log-odds before calibration: of the best window, with what was added for rules.
    pub value: f32,
    /// The best window, in bytes of the text read.
    pub window: Range<usize>,
    /// Windows that the text has.
    pub windows: u32,
}

static EMBEDDED: LazyLock<Result<Model, WeightsError>> = LazyLock::new(|| {
    let weights = Weights::from_bytes(include_bytes!("../assets/guard.weights"))?;
    Ok(Model { weights })
});

impl Model {
    /// The model that comes with the guard.
    ///
    /// # Errors
    /// When the file in this build is broken.
    pub fn embedded() -> Result<&'static Self, WeightsError> {
        EMBEDDED.as_ref().map_err(|error| *error)
    }

    /// A model with these weights.
    pub const fn new(weights: Weights) -> Self {
        Self { weights }
    }

    /// Its weights.
    pub const fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Reads `text`, folded, which stands in `channel`, touches these themes and whose rules weigh
    /// `rules` together (see [`Model::rule`]). Linear in the text, without allocation.
    pub fn margin(&self, text: &str, touches: &[Touch], channel: Channel, rules: f32) -> Margin {
        let mut windows = window::Windows::new(self.weights.places(channel), widths(channel));
        features::read(text, touches, &mut windows);
        let bare = self.weights.bias + rules;
        windows.finish().map_or(
            Margin {
                value: bare,
                window: 0..text.len(),
                windows: 1,
            },
            |best| Margin {
                value: bare + self.weights.scale * best.sum,
                window: best.span,
                windows: best.windows,
            },
        )
    }

    /// What a hit of the rule `id` adds to the margin of a text; `None` for a rule that was not there
    /// when the model was trained.
    pub fn rule(&self, id: &str) -> Option<f32> {
        self.weights.rules.get(id).copied()
    }

    /// The probability, 0 to 1, that a text of this margin in `channel` is an attack, where attacks
    /// are as frequent as other texts.
    pub fn probability(&self, margin: &Margin, channel: Channel) -> f32 {
        let calibration = self.weights.calibrations.get(channel.index());
        let calibration = calibration.copied().unwrap_or_default();
        calibration.probability(margin.value, margin.windows)
    }

    /// Where marking and blocking begin in `channel`, chosen on texts that the model was not trained
    /// on.
    pub fn bands(&self, channel: Channel) -> Bands {
        let calibration = self.weights.calibrations.get(channel.index());
        calibration.copied().unwrap_or_default().bands
    }

    /// The n-grams of `text`, usually of one window, that weigh most for an attack in `channel`.
    pub fn explain(&self, text: &str, channel: Channel) -> Vec<Reason> {
        explain::heaviest(self.weights.places(channel), text)
    }
}

#[cfg(test)]
mod tests;
