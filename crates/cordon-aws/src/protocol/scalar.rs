//! Numbers, booleans and base64 in their text form.
//!
//! Takes the text that a protocol carried; gives the one canonical text that a
//! [`Value`](crate::value::Value) holds. Numbers never go through `f64` on the way: `2^53 + 1`
//! must leave as it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest number that is read. `bigInteger` and DynamoDB's 38 digits fit.
const MAX_NUMBER: usize = 80;

/// Canonical decimal digits of a whole number; nothing for anything else. A sign only where it
/// is `-`, no leading zeros, no fraction, no exponent; `-0` is refused because it has no
/// canonical form that every reader shares.
pub(crate) fn integer(text: &str) -> Option<Box<str>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = match digits.as_bytes() {
        [b'0'] => !text.starts_with('-'),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    (canonical && text.len() <= MAX_NUMBER).then(|| text.into())
}

/// Canonical text of a decimal number that fits a double: `1.50e1` is `15`, `1e400` is nothing.
/// The special values are `NaN`, `Infinity` and `-Infinity`, as every AWS protocol writes them.
pub(crate) fn float(text: &str) -> Option<Box<str>> {
    match text {
        "NaN" | "Infinity" | "-Infinity" => Some(text.into()),
        _ => decimal(text),
    }
}

/// As [`float`], without the special values.
pub(crate) fn decimal(text: &str) -> Option<Box<str>> {
    if text.len() > MAX_NUMBER {
        return None;
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_value(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (mantissa, ""),
    };
    integer(whole)?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || !text.parse::<f64>().ok()?.is_finite() {
        return None;
    }
    Some(plain(negative, whole, fraction, exponent))
}

fn exponent_value(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let value: i32 = digits.parse().ok().filter(|_| well_formed)?;
    Some(if text.starts_with('-') { -value } else { value })
}

/// Writes `whole.fraction × 10^exponent` without superfluous zeros: plainly where the number is
/// short, with an exponent where plain digits would be mostly zeros.
fn plain(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Box<str> {
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = all.len() - digits.len();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return "0".into();
    }
    // The value is 0.significant × 10^point.
    let point = whole.len() as i32 - leading as i32 + exponent;
    let length = significant.len() as i32;
    let sign = if negative { "-" } else { "" };
    let text = match point {
        _ if !(-6..=25).contains(&point) => {
            let (first, rest) = significant.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e{}", point - 1)
        }
        _ if point <= 0 => format!("{sign}0.{}{significant}", zeros(-point)),
        _ if point >= length => format!("{sign}{significant}{}", zeros(point - length)),
        _ => {
            let (before, after) = significant.split_at(point.unsigned_abs() as usize);
            format!("{sign}{before}.{after}")
        }
    };
    text.into()
}

fn zeros(count: i32) -> String {
    "0".repeat(usize::try_from(count).unwrap_or_default())
}

/// Canonical text of a double, for protocols that carry the number and not its text.
pub(crate) fn float_from(value: f64) -> Box<str> {
    match () {
        () if value.is_nan() => "NaN".into(),
        () if value == f64::INFINITY => "Infinity".into(),
        () if value == f64::NEG_INFINITY => "-Infinity".into(),
        // `{:e}` is the shortest text that reads back as the same double.
        () => decimal(&format!("{value:e}")).unwrap_or_else(|| "0".into()),
    }
}

/// `true` or `false`, nothing else.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Strict base64: the standard alphabet, padded, no whitespace, no stray bits.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The inverse of [`base64`].
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_one_spelling() {
        for text in [
            "0",
            "7",
            "-12",
            "9007199254740993",
            "123456789012345678901234567890",
        ] {
            assert_eq!(integer(text).as_deref(), Some(text));
        }
        for text in [
            "", "-", "-0", "+1", "01", "1.0", "1e3", " 1", "1 ", "0x1", "١",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn decimal_numbers_have_one_canonical_text() {
        for (text, canonical) in [
            ("1.50e1", "15"),
            ("0.000", "0"),
            ("-0", "0"),
            ("1E+2", "100"),
            ("0.1", "0.1"),
            ("-0.0010", "-0.001"),
            ("1e30", "1e30"),
            ("12.5e-10", "1.25e-9"),
            ("1700000000.123", "1700000000.123"),
            ("9007199254740993", "9007199254740993"),
        ] {
            let once = float(text);
            match text {
                // A whole part of `-0` is fine for a float: `0` and `-0` are the same amount.
                "-0" => assert_eq!(once.as_deref(), Some("0")),
                _ => assert_eq!(once.as_deref(), Some(canonical), "{text}"),
            }
            assert_eq!(float(canonical).as_deref(), Some(canonical));
        }
        for text in [
            "", ".5", "5.", "1e", "1e400", "-1e400", "+1", "1e12345", "nan", "inf", "00.1",
        ] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn a_double_keeps_its_value_through_text() {
        for value in [0.1, 1e300, -2.5, 1.0 / 3.0, 5e-324, f64::MAX] {
            assert_eq!(float_from(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(&*float_from(f64::NAN), "NaN");
    }

    #[test]
    fn base64_is_strict() {
        assert_eq!(base64("aGk=").unwrap(), b"hi");
        for text in ["aGk", "aGk =", "aGl=", "a_k=", "aGk=\n", "===="] {
            assert_eq!(base64(text), None, "{text:?}");
        }
    }
}
