//! RFC 3339 timestamps with milliseconds, without a calendar library on the hot path.

use ztag_types::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

/// `2026-11-22T02:15:37.042Z`; years outside 0..=9999 are shown as the nearest one inside.
pub(crate) fn write_rfc3339(out: &mut Vec<u8>, at: Timestamp) {
    // Seconds of the first and last day that four digits can name.
    let seconds = at.seconds().clamp(-62_167_219_200, 253_402_300_799);
    let (year, month, day) = civil(seconds.div_euclid(SECONDS_PER_DAY));
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    digits(out, year, 4);
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
    out.push(b'T');
    digits(out, of_day / 3_600, 2);
    out.push(b':');
    digits(out, of_day / 60 % 60, 2);
    out.push(b':');
    digits(out, of_day % 60, 2);
    out.push(b'.');
    digits(out, i64::from(at.nanos() / 1_000_000), 3);
    out.push(b'Z');
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

/// `number` in `width` digits; the number is known to fit.
fn digits(out: &mut Vec<u8>, number: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
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
