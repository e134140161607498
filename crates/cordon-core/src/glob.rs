//! Patterns with `*`, as tasks, environment maps and session policies write them.
//!
//! Only `*` is special: any run of characters, none included. A request's ARN may itself hold
//! `*`, where the request does not tell; then [`matches`] still answers soundly, because a
//! pattern that matches the text with its stars also matches everything that the stars stand for.

/// Whether `pattern` matches the whole of `text`.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut middle: Vec<&str> = parts.collect();
    let Some(last) = middle.pop() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in middle {
        let Some(found) = rest.find(part) else {
            return false;
        };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Whether some text is matched by both patterns.
#[must_use]
pub fn overlap(left: &str, right: &str) -> bool {
    let right: Vec<u8> = right.bytes().collect();
    // One row of the classic table: whether the rest of `left` from here meets `right[j..]`.
    let mut row = vec![false; right.len() + 1];
    for (j, cell) in row.iter_mut().enumerate() {
        *cell = right.iter().skip(j).all(|byte| *byte == b'*');
    }
    for byte in left.bytes().rev() {
        let below = row.clone();
        for j in (0..row.len()).rev() {
            let here = right.get(j).copied();
            let beside = row.get(j + 1).copied().unwrap_or(false);
            let down = below.get(j).copied().unwrap_or(false);
            let across = below.get(j + 1).copied().unwrap_or(false);
            let meets = match (byte, here) {
                (b'*', None) => down,
                (b'*', Some(_)) => down || beside || across,
                (_, None) => false,
                (_, Some(b'*')) => beside || down || across,
                (byte, Some(other)) => byte == other && across,
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = meets;
            }
        }
    }
    row.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "a", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*", "", true),
            ("a*b*c", "axbybzc", true),
            ("a*bc", "abc", true),
            ("a*ab", "ab", false),
            ("a**b", "ab", true),
            ("x?z", "xyz", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn overlap_is_found_from_both_sides() {
        for (left, right, expected) in [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("fn/*", "fn/prod-*", true),
            ("fn/dev-*", "fn/prod-*", false),
            ("abc", "abc", true),
            ("abc", "a*d", false),
            ("*", "", true),
            ("", "", true),
            ("a", "", false),
            ("a*c", "ab*", true),
        ] {
            assert_eq!(overlap(left, right), expected, "{left} {right}");
            assert_eq!(overlap(right, left), expected, "{right} {left}");
        }
    }
}
