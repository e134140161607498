//! Points in time, in the three spellings that AWS's models know.
//!
//! Takes text in one modelled format; gives canonical decimal seconds since the epoch, and
//! writes them back. Fractions keep every digit they came with, up to nanoseconds.

use super::scalar;
use crate::catalog::TimestampFormat;
use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;

/// Reads `text` in `format` and in no other; nothing where it is not in that format or lies
/// outside the years 1 to 9999.
pub(crate) fn parse(text: &str, format: TimestampFormat) -> Option<Box<str>> {
    match format {
        TimestampFormat::Epoch => epoch(text),
        TimestampFormat::Iso8601 => iso8601(text),
        TimestampFormat::Rfc822 => rfc822(text),
    }
}

/// Canonical seconds from decimal text.
pub(crate) fn epoch(text: &str) -> Option<Box<str>> {
    let canonical = scalar::decimal(text)?;
    split(&canonical).map(|_| canonical)
}

/// Writes canonical seconds in `format`.
pub(crate) fn write(canonical: &str, format: TimestampFormat) -> String {
    let Some((time, fraction)) = split(canonical).filter(|_| format != TimestampFormat::Epoch)
    else {
        return canonical.to_owned();
    };
    let civil = Offset::UTC.to_datetime(time);
    let fraction = if fraction.is_empty() {
        String::new()
    } else {
        format!(".{fraction}")
    };
    match format {
        TimestampFormat::Rfc822 => format!(
            "{}, {:02} {} {:04} {:02}:{:02}:{:02}{fraction} GMT",
            day_name(civil.weekday()),
            civil.day(),
            month_name(civil.month()),
            civil.year(),
            civil.hour(),
            civil.minute(),
            civil.second(),
        ),
        TimestampFormat::Iso8601 | TimestampFormat::Epoch => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
        ),
    }
}

/// Whole seconds and fraction digits of canonical text. For times before the epoch the fraction
/// counts forward from the second before, as calendars do.
fn split(canonical: &str) -> Option<(Timestamp, String)> {
    let (whole, fraction) = canonical.split_once('.').unwrap_or((canonical, ""));
    let seconds: i64 = whole.parse().ok()?;
    // Canonical text that is very long or very small has an exponent.
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (seconds, fraction) = match canonical.starts_with('-') && !fraction.is_empty() {
        true => (seconds.checked_sub(1)?, complement(fraction)?),
        false => (seconds, fraction.to_owned()),
    };
    let time = Timestamp::from_second(seconds).ok()?;
    let year = Offset::UTC.to_datetime(time).year();
    (1..=9999).contains(&year).then_some((time, fraction))
}

/// `1 - 0.fraction`, without trailing zeros.
fn complement(fraction: &str) -> Option<String> {
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().ok()?;
    let text = format!("{:09}", 1_000_000_000_u32.checked_sub(nanoseconds)?);
    Some(text.trim_end_matches('0').to_owned())
}

/// `2026-11-25T09:30:00Z`, with up to nine digits of fraction.
fn iso8601(text: &str) -> Option<Box<str>> {
    let bytes = text.strip_suffix('Z')?.as_bytes();
    let (head, tail) = bytes.split_at_checked(19)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', time @ ..] = head else {
        return None;
    };
    let date = (
        number(&[*y1, *y2, *y3, *y4])?,
        number(&[*m1, *m2])?,
        number(&[*d1, *d2])?,
    );
    assemble(date, time, tail).map(|(canonical, _)| canonical)
}

/// `Wed, 25 Nov 2026 09:30:00 GMT`; a fraction is legal and rare.
fn rfc822(text: &str) -> Option<Box<str>> {
    let (day, rest) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let (head, tail) = rest.as_bytes().split_at_checked(20)?;
    let [
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        time @ ..,
    ] = head
    else {
        return None;
    };
    let month = MONTHS
        .iter()
        .position(|name| name.as_bytes() == [*m1, *m2, *m3])?;
    let date = (
        number(&[*y1, *y2, *y3, *y4])?,
        i16::try_from(month + 1).ok()?,
        number(&[*d1, *d2])?,
    );
    let (canonical, civil) = assemble(date, time, tail)?;
    // Two readers could believe either of a date and a weekday that contradict each other.
    (day_name(civil.weekday()) == day).then_some(canonical)
}

/// `time` is `HH:MM:SS`, `tail` is empty or `.fraction`.
fn assemble(
    (year, month, day): (i16, i16, i16),
    time: &[u8],
    tail: &[u8],
) -> Option<(Box<str>, DateTime)> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = time else {
        return None;
    };
    let small = |digits: &[u8]| number(digits).and_then(|n| i8::try_from(n).ok());
    let civil = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        small(&[*h1, *h2])?,
        small(&[*m1, *m2])?,
        small(&[*s1, *s2])?,
        0,
    )
    .ok()
    .filter(|civil| civil.year() >= 1)?;
    let seconds = Offset::UTC.to_timestamp(civil).ok()?.as_second();
    let fraction = match tail {
        [] => String::new(),
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            number_text(digits)?.trim_end_matches('0').to_owned()
        }
        _ => return None,
    };
    let canonical = match (fraction.is_empty(), seconds < 0) {
        (true, _) => seconds.to_string(),
        (false, false) => format!("{seconds}.{fraction}"),
        (false, true) => {
            let whole = (seconds + 1).unsigned_abs();
            format!("-{whole}.{}", complement(&fraction)?)
        }
    };
    Some((canonical.into(), civil))
}

fn number_text(digits: &[u8]) -> Option<&str> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
}

fn number(digits: &[u8]) -> Option<i16> {
    number_text(digits)?.parse().ok()
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn month_name(month: i8) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .unwrap_or(&"Jan")
}

fn day_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use TimestampFormat::{Epoch, Iso8601, Rfc822};

    #[test]
    fn the_three_formats_mean_the_same_instant() {
        for (format, text, canonical) in [
            (Iso8601, "2015-01-25T08:00:00Z", "1422172800"),
            (Iso8601, "2015-01-25T08:00:00.120Z", "1422172800.12"),
            (Iso8601, "1969-12-31T23:59:59.5Z", "-0.5"),
            (Iso8601, "1969-12-31T23:59:58.25Z", "-1.75"),
            (Rfc822, "Sun, 25 Jan 2015 08:00:00 GMT", "1422172800"),
            (Epoch, "1422172800", "1422172800"),
            (Epoch, "1422172800.0", "1422172800"),
            (Epoch, "1.4221728e9", "1422172800"),
        ] {
            let parsed = parse(text, format);
            assert_eq!(parsed.as_deref(), Some(canonical), "{text}");
            let again = parse(&write(canonical, format), format);
            assert_eq!(
                again.as_deref(),
                Some(canonical),
                "{}",
                write(canonical, format)
            );
        }
    }

    #[test]
    fn a_time_in_another_spelling_is_refused() {
        for (format, text) in [
            (Iso8601, "2015-01-25 08:00:00Z"),
            (Iso8601, "2015-01-25T08:00:00"),
            (Iso8601, "2015-01-25T08:00:00+01:00"),
            (Iso8601, "2015-02-30T08:00:00Z"),
            (Iso8601, "10000-01-01T00:00:00Z"),
            (Iso8601, "0000-01-01T00:00:00Z"),
            (Iso8601, "1422172800"),
            (Iso8601, "2015-01-25T08:00:00.Z"),
            (Rfc822, "Mon, 25 Jan 2015 08:00:00 GMT"),
            (Rfc822, "Sun, 25 Jan 2015 08:00:00 UTC"),
            (Rfc822, "Sun, 25 jan 2015 08:00:00 GMT"),
            (Epoch, "2015-01-25T08:00:00Z"),
            (Epoch, "99999999999999"),
            (Epoch, "NaN"),
            (Epoch, "1.0000000001"),
            (Epoch, "1e30"),
            (Epoch, "1.5e30"),
            (Epoch, "1.5e-30"),
        ] {
            assert_eq!(parse(text, format), None, "{text}");
        }
    }
}
