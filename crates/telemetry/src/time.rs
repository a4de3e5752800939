//! RFC 3339 timestamps with milliseconds, without a calendar library on the hot path.

use std::cell::Cell;

use ztag_types::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

/// `2026-11-22T02:15:37.042Z`; years outside 0..=9999 are shown as the nearest one inside.
pub(crate) fn write_rfc3339(out: &mut Vec<u8>, at: Timestamp) {
    thread_local! {
        // Many lines are of one second.
        static LAST: Cell<(i64, [u8; 20])> = const { Cell::new((0, *b"1970-01-01T00:00:00.")) };
    }
    let (second, mut text) = LAST.get();
    if second != at.seconds() {
        text = to_the_second(at.seconds());
        LAST.set((at.seconds(), text));
    }
    let millis = at.nanos() / 1_000_000;
    let [ms2, ms1, ms0] = [millis / 100, millis / 10, millis].map(|number| digit(number.into()));
    out.extend_from_slice(&text);
    out.extend_from_slice(&[ms2, ms1, ms0, b'Z']);
}

/// The time up to the point before the milliseconds.
fn to_the_second(seconds: i64) -> [u8; 20] {
    // Seconds of the first and last day that four digits can name.
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (year, month, day) = civil(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let [y3, y2, y1, y0] = [year / 1_000, year / 100, year / 10, year].map(digit);
    let [mo1, mo0] = two_digits(month);
    let [d1, d0] = two_digits(day);
    let [h1, h0] = two_digits(of_day / 3_600);
    let [mi1, mi0] = two_digits(of_day / 60 % 60);
    let [s1, s0] = two_digits(of_day % 60);
    [
        y3, y2, y1, y0, b'-', mo1, mo0, b'-', d1, d0, b'T', h1, h0, b':', mi1, mi0, b':', s1, s0,
        b'.',
    ]
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
/// Years start in March here, so that the leap day is the last of its year.
fn civil(day: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    let from_march_0000 = day + 719_468;
    let era = from_march_0000.div_euclid(DAYS_PER_ERA);
    let of_era = from_march_0000.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn two_digits(number: i64) -> [u8; 2] {
    [digit(number / 10), digit(number)]
}

/// The last decimal digit of a number that is not negative.
fn digit(number: i64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: i64, nanos: u32, expected: &str) {
        let mut out = Vec::new();
        write_rfc3339(&mut out, Timestamp::new(seconds, nanos).unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        check(0, 0, "1970-01-01T00:00:00.000Z");
        check(1_767_225_600, 42_000_000, "2026-01-01T00:00:00.042Z");
        check(951_782_399, 999_999_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400, 0, "2000-02-29T00:00:00.000Z");
        check(4_107_542_399, 0, "2100-02-28T23:59:59.000Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00.000Z");
        check(-1, 0, "1969-12-31T23:59:59.000Z");
        check(i64::MAX, 0, "9999-12-31T23:59:59.000Z");
        check(i64::MIN, 0, "0000-01-01T00:00:00.000Z");
    }
}
