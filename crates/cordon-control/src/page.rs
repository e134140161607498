//! The page at `/sign-in`: works with a link and with passkeys, and takes nothing from anywhere but
//! here. Its one script and its one style are in it, and its policy names their hashes: nothing else
//! runs in it, whatever might find its way into it.

use crate::plane::Plane;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Where it is.
pub const SIGN_IN: &str = "/sign-in";

const FORM: &str = include_str!("page/sign_in.html");
const SCRIPT: &str = include_str!("page/sign_in.js");
const STYLE: &str = include_str!("page/sign_in.css");

/// The page.
pub(crate) async fn sign_in(State(plane): State<Arc<Plane>>) -> Response {
    // An origin has no character that HTML gives a meaning to.
    let home = plane
        .passkeys
        .as_ref()
        .map_or("", |passkeys| passkeys.origin());
    let text = FORM
        .replace("HOME", home)
        .replace("STYLE", STYLE)
        .replace("SCRIPT", SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let head = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
    ];
    (head, text).into_response()
}

fn hash(text: &str) -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(text));
    format!("'sha256-{digest}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_place_once_and_ends_no_other() {
        for place in ["HOME", "STYLE", "SCRIPT"] {
            assert_eq!(FORM.matches(place).count(), 1, "{place}");
            assert!(!STYLE.contains(place) && !SCRIPT.contains(place), "{place}");
        }
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
        for foreign in ["http://", "https://", "src=", "onclick", "innerHTML"] {
            assert!(
                !FORM.contains(foreign) && !SCRIPT.contains(foreign),
                "{foreign}"
            );
        }
    }

    #[test]
    fn a_part_is_named_as_browsers_work_it_out() {
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let expected = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        assert_eq!(hash("alert(1)"), expected);
    }
}
