//! Timestamps and durations: ranges, text forms, calendar fields.

use chrono::{DateTime, Datelike, FixedOffset, Offset, TimeZone, Timelike, Utc};
use ztag_types::{Span, Timestamp};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// 0001-01-01T00:00:00Z, the first moment that CEL knows.
const FIRST_SECOND: i64 = -62_135_596_800;

/// 9999-12-31T23:59:59Z, the last second that CEL knows.
const LAST_SECOND: i64 = 253_402_300_799;

/// Nanoseconds since 1970.
pub(crate) fn nanos(at: Timestamp) -> i128 {
    i128::from(at.seconds()) * NANOS_PER_SECOND + i128::from(at.nanos())
}

/// The timestamp `nanos` after 1970, in the years 1 to 9999.
pub(crate) fn timestamp(nanos: i128) -> Option<Timestamp> {
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).ok()?;
    if (FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
        Timestamp::new(seconds, rest)
    } else {
        None
    }
}

/// The duration of `nanos`, up to about 292 years: what 64 bits hold.
pub(crate) fn span(nanos: i128) -> Option<Span> {
    i64::try_from(nanos)
        .is_ok()
        .then_some(Span::from_nanos(nanos))
}

/// A timestamp as RFC 3339 writes it.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return None;
    }
    let parsed = DateTime::parse_from_rfc3339(text).ok()?;
    let nanos = i128::from(parsed.timestamp()) * NANOS_PER_SECOND
        + i128::from(parsed.timestamp_subsec_nanos());
    timestamp(nanos)
}

/// A timestamp as RFC 3339 writes it, in UTC, with as many digits as needed.
pub(crate) fn format_timestamp(at: Timestamp) -> String {
    let Some(utc) = utc(at) else {
        return String::new();
    };
    let mut text = utc.format("%Y-%m-%dT%H:%M:%S").to_string();
    push_fraction(&mut text, at.nanos());
    text.push('Z');
    text
}

/// A duration in seconds, with as many digits as needed.
pub(crate) fn format_duration(span: Span) -> String {
    let total = span.nanos();
    let whole = total.abs() / NANOS_PER_SECOND;
    let sign = if total < 0 { "-" } else { "" };
    let mut text = format!("{sign}{whole}");
    push_fraction(
        &mut text,
        u32::try_from(total.abs() % NANOS_PER_SECOND).unwrap_or(0),
    );
    text.push('s');
    text
}

fn push_fraction(text: &mut String, nanos: u32) {
    if nanos > 0 {
        let digits = format!(".{nanos:09}");
        text.push_str(digits.trim_end_matches('0'));
    }
}

/// A duration as numbers with the units `h`, `m`, `s`, `ms`, `us` and `ns`: `1h30m`, `-1.5s`.
pub(crate) fn parse_duration(text: &str) -> Option<Span> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Span::default());
    }
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(number_len)?;
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_len)?;
        total = total.checked_add(part(number, unit)?)?;
        rest = tail;
    }
    span(if negative { -total } else { total })
}

fn part(number: &str, unit: &str) -> Option<i128> {
    let scale: i128 = match unit {
        "h" => 3_600 * NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "s" => NANOS_PER_SECOND,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse::<i64>().ok()
        }
    };
    let fraction: String = fraction.chars().take(15).collect();
    let divisor = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole = i128::from(digits(whole)?).checked_mul(scale)?;
    Some(whole + i128::from(digits(&fraction)?) * scale / divisor)
}

/// A field of the calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Year,
    Month,
    Day,
    DayFromZero,
    WeekDay,
    YearDay,
    Hour,
    Minute,
    Second,
    Millisecond,
}

/// A field of `at` in the time zone `zone`: an IANA name, or an offset such as `+02:00`.
pub(crate) fn field(at: Timestamp, zone: Option<&str>, field: Field) -> Option<i64> {
    let utc = utc(at)?;
    let local = match zone {
        None => utc.fixed_offset(),
        Some(zone) => utc.with_timezone(&offset(&utc, zone)?),
    };
    Some(match field {
        Field::Year => i64::from(local.year()),
        Field::Month => i64::from(local.month0()),
        Field::Day => i64::from(local.day()),
        Field::DayFromZero => i64::from(local.day0()),
        Field::WeekDay => i64::from(local.weekday().num_days_from_sunday()),
        Field::YearDay => i64::from(local.ordinal0()),
        Field::Hour => i64::from(local.hour()),
        Field::Minute => i64::from(local.minute()),
        Field::Second => i64::from(local.second()),
        Field::Millisecond => i64::from(local.timestamp_subsec_millis()),
    })
}

fn utc(at: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds(), at.nanos())
}

/// The offset that `zone` has at that moment.
fn offset(at: &DateTime<Utc>, zone: &str) -> Option<FixedOffset> {
    if let Ok(named) = zone.parse::<chrono_tz::Tz>() {
        return Some(named.offset_from_utc_datetime(&at.naive_utc()).fix());
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
    let (hours, minutes) = (i32::from(digits(hours)?), i32::from(digits(minutes)?));
    if minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))
}
