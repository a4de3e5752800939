//! What stands in the place of the classifier where it is not built.

use std::time::Duration;

use super::{Answers, LoadError, ModelFiles, Questions, Settings};

/// A classifier: there is none in this build.
#[derive(Debug)]
pub enum Classifier {}

impl Classifier {
    /// Whether this build has classifiers.
    pub const IS_BUILT: bool = false;

    /// Always refuses: this build has no classifier.
    ///
    /// # Errors
    ///
    /// [`LoadError::NotBuilt`].
    pub fn load(_: &ModelFiles<'_>, _: &Settings) -> Result<Self, LoadError> {
        Err(LoadError::NotBuilt)
    }

    /// What it was made with.
    pub const fn settings(&self) -> &Settings {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "it waits where there is one")]
    pub(super) async fn ask(&self, _: &Questions, _: Duration, _: f32) -> Answers {
        match *self {}
    }
}
