//! Places that belong together.

use std::ops::Range;

/// Shows each stretch of `text` in which at least `fewest` of `marks` stand no further than `reach`
/// apart, with as much of the text around it. Marks are in order; stretches never overlap.
pub(super) fn each_cluster(
    text: &str,
    marks: impl Iterator<Item = Range<usize>>,
    (reach, fewest): (usize, usize),
    mut show: impl FnMut(Range<usize>),
) {
    let mut shown = 0;
    let mut finish = |cluster: Option<(Range<usize>, usize)>| {
        let Some((span, _)) = cluster.filter(|(_, count)| *count >= fewest) else {
            return;
        };
        let start = text.floor_char_boundary(span.start.saturating_sub(reach));
        let end = text.ceil_char_boundary((span.end + reach).min(text.len()));
        show(start.max(shown)..end);
        shown = end;
    };
    let mut cluster: Option<(Range<usize>, usize)> = None;
    for mark in marks {
        match &mut cluster {
            Some((span, count)) if mark.start.saturating_sub(span.end) <= reach => {
                span.end = mark.end;
                *count += 1;
            }
            _ => finish(cluster.replace((mark, 1))),
        }
    }
    finish(cluster);
}

/// Whether as many bytes in a row as `shortest` are such, at a glance: every such row covers one of the
/// places that are looked at.
pub(super) fn has_stretch(text: &[u8], shortest: usize, is_such: impl Fn(u8) -> bool) -> bool {
    let such = |at: &usize| text.get(*at).is_some_and(|byte| is_such(*byte));
    let mut places = (shortest - 1..text.len()).step_by(shortest);
    places.any(|at| {
        let before = || (0..at).rev().take(shortest).take_while(such).count();
        let after = || (at..text.len()).take(shortest).take_while(such).count();
        such(&at) && before() + after() >= shortest
    })
}

/// The words of `text` between blanks, with their places.
pub(super) fn words(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut next = 0;
    text.split_inclusive(|c: char| c.is_ascii_whitespace())
        .map(move |piece| {
            let at = next;
            next += piece.len();
            let word = piece.trim_ascii_end();
            (word, at..at + word.len())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_are_near_belong_together() {
        let text = "x".repeat(100);
        let marks = [10..12, 15..16, 40..41, 80..81, 84..85, 99..100];
        let mut found = Vec::new();
        each_cluster(&text, marks.into_iter(), (5, 2), |span| {
            found.push(span);
        });
        assert_eq!(found, [5..21, 75..90]);
        found.clear();
        each_cluster("é é", std::iter::once(2..2), (1, 1), |span| {
            found.push(span);
        });
        assert_eq!(found.as_slice(), std::slice::from_ref(&(0..3)));
    }
}
