//! A webhook of one's own: JSON, signed so that the receiver knows who sent it and when.
//!
//! `x-cordon-signature: t=UNIX-SECONDS,v1=HEX`, where HEX is HMAC-SHA-256 under the channel's key over
//! `UNIX-SECONDS.BODY`. `x-cordon-delivery` is the same for every attempt at one notice.

use super::{Kind, Letter, Notice};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue};
use serde_json::json;
use sha2::Sha256;

pub(super) const KIND: Kind = Kind {
    word: "webhook",
    signed: true,
    write,
    head,
};

fn write(notice: &Notice) -> Vec<u8> {
    let body = json!({
        "event": "hold",
        "state": notice.hold.state,
        "hold": notice.hold,
        "console": notice.console,
    });
    body.to_string().into_bytes()
}

fn head(letter: &Letter<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let signature = format!(
        "t={},v1={}",
        letter.at.as_second(),
        signature(letter.key, letter.at.as_second(), letter.body)
    );
    let texts = [
        ("x-cordon-signature", signature),
        ("x-cordon-delivery", letter.id.clone()),
    ];
    let headers = texts.into_iter().filter_map(|(name, text)| {
        let value = HeaderValue::try_from(text).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    headers.collect()
}

fn signature(key: &[u8], second: i64, body: &[u8]) -> String {
    // HMAC takes a key of any length, so there is always one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return String::new();
    };
    mac.update(second.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_signed_with_its_time() {
        // Worked out with openssl: printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(b"key", 1_700_000_000, b"{}"),
            "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
        assert_ne!(signature(b"key", 1, b"{}"), signature(b"key", 2, b"{}"));
        assert_ne!(signature(b"key", 1, b"{}"), signature(b"yek", 1, b"{}"));
    }
}
