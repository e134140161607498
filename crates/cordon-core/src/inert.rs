//! Text that a caller chose, made fit to show. Takes any text; gives one line whose every character is
//! seen: who reads a hold or a listing must not be led to read something else than what is there.

/// Makes text that a caller chose fit to show: control and invisible characters as code points,
/// cut at `limit` characters.
#[must_use]
pub fn inert(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        match is_hidden(c) {
            true => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            false => shown.push(c),
        }
    }
    shown
}

/// Characters that change or hide what is read: controls, zero-width, bidirectional, tags.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_as_code_points() {
        assert_eq!(
            inert("a\u{202e}b\u{1b}[2J\u{200b}", 40),
            "a<U+202E>b<U+001B>[2J<U+200B>"
        );
        assert_eq!(inert("abcdef", 3), "abc…");
    }
}
