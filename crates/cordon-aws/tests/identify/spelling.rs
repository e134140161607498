//! Bodies and paths in other spellings: what a strict reader reads as the same, or refuses.

/// The pairs of a form, changed.
pub(crate) fn pairs(body: &[u8], change: impl Fn(&mut Vec<String>)) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut pairs: Vec<String> = text.split('&').map(str::to_owned).collect();
    change(&mut pairs);
    pairs.join("&").into_bytes()
}

/// A JSON object with other members: names and values, not decoded to a map that keeps one of two.
pub(crate) fn with_members(
    body: &[u8],
    change: impl Fn(&[(String, serde_json::Value)]) -> Vec<(String, serde_json::Value)>,
) -> Vec<u8> {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    let members: Vec<(String, serde_json::Value)> = members.into_iter().collect();
    let changed: Vec<String> = change(&members)
        .into_iter()
        .map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name)))
        .collect();
    format!("{{{}}}", changed.join(",")).into_bytes()
}

/// Every letter percent-encoded; what is encoded already stays.
pub(crate) fn encoded_letters(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => {
                out.push(c);
                out.extend(rest.by_ref().take(2));
            }
            c if c.is_ascii_alphabetic() => out.push_str(&format!("%{:02X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// The digits of percent-encodings in lower case.
pub(crate) fn lower_hex(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.len().min(2));
        out.push_str(&format!("%{}{rest}", digits.to_ascii_lowercase()));
    }
    out
}

/// Every letter inside of JSON strings as an escape.
pub(crate) fn escaped_letters(body: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    let (mut inside, mut escape) = (false, 0);
    for c in String::from_utf8_lossy(body).chars() {
        let plain = inside && escape == 0;
        match c {
            '"' if escape == 0 => inside = !inside,
            '\\' if plain => escape = 2,
            'u' if escape == 1 => escape = 5,
            _ => {}
        }
        escape = escape.max(1) - 1;
        match plain && c.is_ascii_alphabetic() {
            true => out.push_str(&format!("\\u{:04x}", c as u32)),
            false => out.push(c),
        }
    }
    out.into_bytes()
}
