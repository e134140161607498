//! Escapes in documents inside of parameters.
//!
//! Takes the text of a document, JSON or YAML, or of one inside of another; gives whether it says
//! something, in its own letters or with every escape undone. For rules that look for words:
//! `role\/admin` and `\u0072emove` are what they say to whoever reads the document.

/// Whether something is so of the text, or of what its escapes say.
#[must_use]
pub fn says(text: &str, something: impl Fn(&str) -> bool) -> bool {
    something(text) || text.contains('\\') && something(&unescaped(text))
}

/// The text with its escapes undone, in texts within texts as well. It is for looking only, beside
/// the text itself: nobody reads exactly this.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        // Each text around this one doubles the mark.
        let escaped = after.trim_start_matches('\\');
        let digits = match escaped.as_bytes().first() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let is_hex = |code: &&str| code.bytes().all(|digit| digit.is_ascii_hexdigit());
        let code = escaped.get(1..=digits).filter(is_hex);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        rest = match code.and_then(char::from_u32) {
            Some(letter) => {
                plain.push(letter);
                escaped.get(1 + digits..).unwrap_or_default()
            }
            // A line of YAML that goes on in the next one.
            None if escaped.starts_with(['\r', '\n']) => escaped.trim_start(),
            None => escaped,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_document_says_is_seen_whatever_its_escapes() {
        for (text, expected) in [
            (r"arn:aws:iam::1:role/admin", "arn:aws:iam::1:role/admin"),
            (r"arn:aws:iam::1:role\/admin", "arn:aws:iam::1:role/admin"),
            (r"arn:aws:iam\u003a\u003A1:role/a", "arn:aws:iam::1:role/a"),
            (r"arn:aws:iam\x3a:1:role/a", "arn:aws:iam::1:role/a"),
            (r"arn:aws:iam\U0000003a:1:role/a", "arn:aws:iam::1:role/a"),
            (r"role\\\/admin and \\u0072ole", "role/admin and role"),
            ("role\\\r\n    /admin", "role/admin"),
            (r"C:\Users\x", r"C:Usersx"),
            (r"\", ""),
            (r"\\\", ""),
            (r"\u", "u"),
            (r"\u12", "u12"),
            (r"\ud800", "ud800"),
            (r"\xéé", "xéé"),
            (r"\u+123", "u+123"),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
            assert!(says(text, |said| said == expected), "{text}");
            assert!(says(text, |said| said == text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_json_says_is_seen(said in "[ -~é]{0,20}") {
            prop_assume!(!said.contains('\\'));
            let mut text = said.clone();
            for _ in 0..3 {
                text = serde_json::to_string(&text).unwrap();
                prop_assert!(unescaped(&text).contains(&said), "{}", text);
            }
        }
    }
}
