//! How much more work a longer text is.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The long input is so many times as long as the short one.
const LONGER: usize = 16;
/// The most that the long one may cost, in short ones: three times what is linear, a fifth of what is
/// quadratic.
const MOST: u32 = 48;
/// Measured again so often before it counts as too much: other work on the machine slows some runs.
const TRIES: usize = 6;
/// Both are read again and again for so long: less would measure the clock.
const LEAST: Duration = Duration::from_micros(300);

/// Checks that `read` costs in proportion to the `units` that `make` puts into its input. What counts
/// is the time that the processor spent on this thread, not that of the clock on the wall.
#[track_caller]
pub(crate) fn linear<T>(what: &str, units: usize, make: impl Fn(usize) -> T, read: impl Fn(&T)) {
    let (short, long) = (make(units), make(units * LONGER));
    // Tables that are made once.
    read(&short);
    let mut least = [Duration::MAX; 2];
    for _ in 0..TRIES {
        least = [
            least[0].min(cost(&read, &short)),
            least[1].min(cost(&read, &long)),
        ];
        if least[1] <= least[0] * MOST {
            return;
        }
    }
    panic!(
        "{what}: {:?}, {LONGER} times as much {:?}",
        least[0], least[1]
    );
}

/// What one run costs.
fn cost<T>(read: impl Fn(&T), input: &T) -> Duration {
    let begun = now();
    let mut runs = 0;
    loop {
        read(input);
        runs += 1;
        let spent = now().saturating_sub(begun);
        if spent >= LEAST {
            return spent / runs;
        }
    }
}

/// The time that this thread has been running.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

#[test]
#[should_panic(expected = "the square")]
fn the_square_is_noticed() {
    let square = |list: &Vec<u32>| {
        let pairs = list
            .iter()
            .flat_map(|one| list.iter().map(move |other| one ^ other));
        std::hint::black_box(pairs.max());
    };
    linear("the square", 100, |length| vec![1; length], square);
}
