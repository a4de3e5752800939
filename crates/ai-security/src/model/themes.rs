//! Themes as features: each that a text touches, and each after another that is near.

use super::features::{FIRST_THEME, Sink};
use crate::rules::{MOST_THEMES, Touch};

/// Places of themes: one for each pair, and one for each alone.
pub(super) const PLACES: usize = MOST_THEMES * MOST_THEMES + MOST_THEMES;

/// Bytes between two themes of a pair, at most.
const REACH: usize = 80;

/// Touches looked back at, and pairs made, for one touch.
const LOOK_BACK: usize = 6;
const MOST_PAIRS: usize = 4;

/// The themes of a text, shown segment by segment.
pub(super) struct Themes<'t> {
    touches: &'t [Touch],
    next: usize,
}

impl<'t> Themes<'t> {
    pub(super) const fn of(touches: &'t [Touch]) -> Self {
        Self { touches, next: 0 }
    }

    /// Shows what ends before `end` and was not shown yet.
    pub(super) fn show(&mut self, end: usize, sink: &mut impl Sink) {
        while let Some(touch) = self.touches.get(self.next) {
            if touch.end > end {
                return;
            }
            let before = self.touches.get(..self.next).unwrap_or_default();
            show(touch, before, sink);
            self.next += 1;
        }
    }
}

fn show(touch: &Touch, before: &[Touch], sink: &mut impl Sink) {
    let theme = usize::from(touch.theme);
    sink.gram(
        FIRST_THEME + MOST_THEMES * MOST_THEMES + theme,
        touch.start..touch.end,
    );
    let near = before
        .iter()
        .rev()
        .take(LOOK_BACK)
        .filter(|other| other.end <= touch.start)
        .take_while(|other| touch.start - other.end <= REACH);
    for other in near.take(MOST_PAIRS) {
        let pair = usize::from(other.theme) * MOST_THEMES + theme;
        sink.gram(FIRST_THEME + pair, other.start..touch.end);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    struct Places(Vec<usize>);

    impl Sink for Places {
        fn gram(&mut self, place: usize, _: Range<usize>) {
            self.0.push(place - FIRST_THEME);
        }

        fn segment(&mut self, _: usize) {}
    }

    #[test]
    fn pairs_are_near_and_shown_once() {
        let touch = |theme, start| Touch {
            theme,
            start,
            end: start + 5,
        };
        let touches = [touch(1, 0), touch(2, 10), touch(3, 300)];
        let mut themes = Themes::of(&touches);
        let mut places = Places(Vec::new());
        let alone = |theme| MOST_THEMES * MOST_THEMES + theme;
        themes.show(8, &mut places);
        assert_eq!(places.0, [alone(1)]);
        themes.show(400, &mut places);
        themes.show(400, &mut places);
        assert_eq!(places.0, [alone(1), alone(2), MOST_THEMES + 2, alone(3)]);
    }
}
