//! The head of a request: parsed strictly, one framing, one meaning.

use super::Persistence;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::mem::MaybeUninit;

/// Header lines that a request may have.
const MOST_HEADERS: usize = 100;

/// The head of one request.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    pub(crate) expectation: Expectation,
    pub(super) persistence: Persistence,
}

/// What a request line asks for. Text as on the wire, visible ASCII without `#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/path?query`
    Origin(PathAndQuery),
    /// `http://authority/path?query`
    Absolute {
        authority: String,
        target: PathAndQuery,
    },
    /// `authority`, with CONNECT alone.
    Authority(String),
}

/// A path with its optional query, nothing decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathAndQuery {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// The versions that are spoken. CONNECT of older Pythons says 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
}

/// How the body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// Whether the client waits for `100 Continue` before it sends the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expectation {
    Nothing,
    Continue,
}

/// Where the head in `input` ends; nothing as long as it has not. Lines end in CR LF alone.
pub(super) fn end(input: &[u8], scanned: usize, most: usize) -> Result<Option<usize>, HeadError> {
    let unseen = input.get(scanned..).unwrap_or_default();
    let found = unseen
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .map(|at| scanned + at + 4);
    match found {
        Some(length) if length <= most => Ok(Some(length)),
        None if input.len() < most => Ok(None),
        _ => Err(HeadError::TooLarge),
    }
}

/// Reads a head that ends in an empty line.
pub(super) fn parse(bytes: Bytes) -> Result<Head, HeadError> {
    check_lines(&bytes)?;
    let mut fields = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(&bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(HeadError::Malformed("it ends early")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
        Err(httparse::Error::Version) => return Err(HeadError::Version),
        Err(_) => return Err(HeadError::Malformed("it is not HTTP/1.1")),
    }
    let version = match request.version {
        Some(1) => Version::Http11,
        _ => Version::Http10,
    };
    let method = request.method.unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| HeadError::Malformed("its method is not a token"))?;
    let target = Target::parse(&method, request.path.unwrap_or_default())?;
    let headers = headers(&bytes, request.headers)?;
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(HeadError::Malformed("it has several `host` headers"));
    }
    let framing = Framing::of(&headers, version)?;
    // Whether the bytes after it were its body or the other protocol would be anyone's guess.
    if method == Method::CONNECT && framing != Framing::None {
        return Err(HeadError::Malformed("a CONNECT has no body"));
    }
    Ok(Head {
        framing,
        expectation: Expectation::of(&headers, version)?,
        persistence: persistence(&headers, version),
        method,
        target,
        version,
        headers,
    })
}

/// What `httparse` would let pass: line feeds without carriage returns, and folded lines.
fn check_lines(bytes: &[u8]) -> Result<(), HeadError> {
    let mut before = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        match (before, byte) {
            (b'\r', b'\n') => {
                if matches!(bytes.get(at + 1), Some(b' ' | b'\t')) {
                    return Err(HeadError::Malformed("a header line is folded"));
                }
            }
            (b'\r', _) | (_, b'\n') => {
                return Err(HeadError::Malformed("a line does not end in CR LF"));
            }
            (_, 0) => return Err(HeadError::Malformed("it holds a NUL byte")),
            _ => {}
        }
        before = byte;
    }
    Ok(())
}

fn headers(bytes: &Bytes, fields: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| HeadError::Malformed("a header name is not a token"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
            .map_err(|_| HeadError::Malformed("a header value holds a control character"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

impl Target {
    fn parse(method: &Method, text: &str) -> Result<Self, HeadError> {
        let malformed = Err(HeadError::Malformed("its target has no such form"));
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(HeadError::Malformed(
                "its target holds other than visible ASCII",
            ));
        }
        if *method == Method::CONNECT {
            return match text.contains(['/', '?', '@']) {
                true => malformed,
                false => Ok(Self::Authority(text.to_owned())),
            };
        }
        if text.starts_with('/') {
            return Ok(Self::Origin(PathAndQuery::parse(text)));
        }
        // `https` cannot come this way: its requests are in a CONNECT or they are readable by all.
        let Some(rest) = strip_scheme(text) else {
            return malformed;
        };
        let (authority, target) = match rest
            .find(['/', '?'])
            .and_then(|at| rest.split_at_checked(at))
        {
            Some((authority, target)) => (authority, target),
            None => (rest, ""),
        };
        match target.starts_with('?') || authority.contains('@') {
            true => malformed,
            false => Ok(Self::Absolute {
                authority: authority.to_owned(),
                target: PathAndQuery::parse(if target.is_empty() { "/" } else { target }),
            }),
        }
    }
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    scheme.eq_ignore_ascii_case("http").then_some(rest)
}

impl PathAndQuery {
    fn parse(text: &str) -> Self {
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (text, None),
        };
        Self {
            path: path.to_owned(),
            query,
        }
    }
}

impl Framing {
    /// One way to read the length of the body, or none at all.
    fn of(headers: &HeaderMap, version: Version) -> Result<Self, HeadError> {
        let ambiguous = Err(HeadError::Malformed("its body has no single framing"));
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        match (lengths.next(), codings.next()) {
            (None, None) => Ok(Self::None),
            (Some(length), None) if lengths.next().is_none() => match digits(length.as_bytes()) {
                Some(0) => Ok(Self::None),
                Some(length) => Ok(Self::Length(length)),
                None => ambiguous,
            },
            (None, Some(coding)) if codings.next().is_none() && version == Version::Http11 => {
                match coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
                    true => Ok(Self::Chunked),
                    false => ambiguous,
                }
            }
            _ => ambiguous,
        }
    }
}

impl Expectation {
    fn of(headers: &HeaderMap, version: Version) -> Result<Self, HeadError> {
        let mut expectations = headers.get_all(EXPECT).iter();
        match (expectations.next(), expectations.next()) {
            (None, _) => Ok(Self::Nothing),
            (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
                // HTTP/1.0 has no such thing: the body comes anyway.
                Ok(match version {
                    Version::Http11 => Self::Continue,
                    Version::Http10 => Self::Nothing,
                })
            }
            _ => Err(HeadError::Expectation),
        }
    }
}

fn persistence(headers: &HeaderMap, version: Version) -> Persistence {
    let closes = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"));
    match version {
        Version::Http11 if !closes => Persistence::Keep,
        _ => Persistence::Close,
    }
}

/// A length in plain decimal digits, at most 19 of them so that it fits.
fn digits(text: &[u8]) -> Option<u64> {
    let plain = (1..=19).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    match plain {
        true => std::str::from_utf8(text).ok()?.parse().ok(),
        false => None,
    }
}

/// Why a head is not taken. The connection is cut after each, since what follows cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error("the request's head is larger than is read")]
    TooLarge,
    #[error("the request has more header lines than are read")]
    TooManyHeaders,
    #[error("only HTTP/1.1 is spoken here")]
    Version,
    #[error("only `Expect: 100-continue` can be met")]
    Expectation,
    #[error("the request's head did not come in time")]
    TimedOut,
    #[error("the connection ended within a request's head")]
    Truncated,
}

impl HeadError {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Truncated => StatusCode::BAD_REQUEST,
            Self::TooLarge | Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, HeadError> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        assert_eq!(end(&bytes, 0, 65_536), Ok(Some(bytes.len())), "{text:?}");
        parse(bytes)
    }

    fn with(lines: &str) -> Result<Head, HeadError> {
        head(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"))
    }

    /// F01 to F04: every spelling of a length but one.
    #[test]
    fn a_body_with_two_readings_is_refused() {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "transfer-encoding: CHUNKED\r\ncontent-length: 0\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 5.0\r\n",
            "Content-Length: 5;\r\n",
            "Content-Length: \r\n",
            "Content-Length: 1_0\r\n",
            "Content-Length: \u{663}\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 00000000000000000005\r\n",
            "Content-Length: five\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding: ,chunked\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunked;q=1\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: \r\n",
            "Transfer-Encoding: chunked\u{b}\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
        ] {
            assert!(
                matches!(with(lines), Err(HeadError::Malformed(_))),
                "{lines:?}"
            );
        }
        let old = head("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(old, Err(HeadError::Malformed(_))));
    }

    #[test]
    fn a_body_with_one_reading_is_taken() {
        assert_eq!(with("").unwrap().framing, Framing::None);
        assert_eq!(
            with("Content-Length: 0\r\n").unwrap().framing,
            Framing::None
        );
        assert_eq!(
            with("content-length:5\r\n").unwrap().framing,
            Framing::Length(5)
        );
        assert_eq!(
            with("Content-Length: \t5 \t\r\n").unwrap().framing,
            Framing::Length(5)
        );
        assert_eq!(
            with("Transfer-Encoding: Chunked\r\n").unwrap().framing,
            Framing::Chunked
        );
    }

    /// F10, F11: lines.
    #[test]
    fn lines_have_one_form() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tfolded\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\n: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost\r\n\r\n",
            "GET / HTTP/1.1\r\nHo st: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nH\u{f6}st: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\n",
            "GET /\r\n\r\n",
            "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
        assert_eq!(
            head("GET / HTTP/2.0\r\nHost: a\r\n\r\n").unwrap_err(),
            HeadError::Version
        );
    }

    #[test]
    fn no_control_byte_is_part_of_a_header() {
        for byte in 0..=255_u8 {
            let mut text = b"GET / HTTP/1.1\r\nHost: a\r\nX: a".to_vec();
            text.extend_from_slice(&[byte, b'b']);
            text.extend_from_slice(b"\r\n\r\n");
            let legal = byte == b'\t' || (byte >= b' ' && byte != 127);
            assert_eq!(parse(Bytes::from(text)).is_ok(), legal, "value {byte}");
            let mut text = b"GET / HTTP/1.1\r\nHost: a\r\nX".to_vec();
            text.extend_from_slice(&[byte, b'Y']);
            text.extend_from_slice(b": a\r\n\r\n");
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:".contains(&byte);
            assert_eq!(parse(Bytes::from(text)).is_ok(), token, "name {byte}");
        }
    }

    /// F13: request targets.
    #[test]
    fn a_target_has_one_form_for_its_method() {
        let target = |line: &str| {
            head(&format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")).map(|head| head.target)
        };
        let origin = |path: &str, query: Option<&str>| {
            Target::Origin(PathAndQuery {
                path: path.to_owned(),
                query: query.map(str::to_owned),
            })
        };
        assert_eq!(
            target("GET /a//b/../c?x=%20&y").unwrap(),
            origin("/a//b/../c", Some("x=%20&y"))
        );
        assert_eq!(target("GET //evil/..").unwrap(), origin("//evil/..", None));
        assert_eq!(target("GET /?").unwrap(), origin("/", Some("")));
        assert_eq!(
            target("CONNECT a.cn:443").unwrap(),
            Target::Authority("a.cn:443".to_owned())
        );
        assert!(
            matches!(target("GET HTTP://a.cn/b").unwrap(), Target::Absolute { authority, .. } if authority == "a.cn")
        );
        for wrong in [
            "GET *",
            "OPTIONS *",
            "GET a.cn:443",
            "GET https://a.cn/",
            "GET ftp://a.cn/",
            "GET http://u@a.cn/",
            "GET http://a.cn?x",
            "GET /a#b",
            "GET /\u{e9}",
            "CONNECT /",
            "CONNECT http://a.cn/",
            "CONNECT u@a.cn:443",
            "GET ?a=b",
            "GET \\",
        ] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }

    /// F12: bounds.
    #[test]
    fn a_head_is_bounded() {
        let lines =
            |count: usize| -> String { (0..count).map(|n| format!("X-{n}: a\r\n")).collect() };
        assert!(with(&lines(99)).is_ok());
        assert_eq!(with(&lines(100)).unwrap_err(), HeadError::TooManyHeaders);
        let sized = |size: usize| {
            let mut text = b"GET / HTTP/1.1\r\nX: ".to_vec();
            text.resize(size - 4, b'a');
            text.extend_from_slice(b"\r\n\r\n");
            text
        };
        assert_eq!(end(&sized(65_536), 0, 65_536), Ok(Some(65_536)));
        assert_eq!(end(&sized(65_537), 0, 65_536), Err(HeadError::TooLarge));
        assert_eq!(
            end(&sized(65_537)[..65_536], 0, 65_536),
            Err(HeadError::TooLarge)
        );
        assert_eq!(end(&sized(65_537)[..65_535], 0, 65_536), Ok(None));
    }

    /// F09.
    #[test]
    fn only_one_expectation_is_met() {
        assert_eq!(
            with("Expect: 100-Continue\r\n").unwrap().expectation,
            Expectation::Continue
        );
        for wrong in [
            "Expect: 100-continue, x\r\n",
            "Expect: x\r\n",
            "Expect: 100-continue\r\nExpect: 100-continue\r\n",
        ] {
            assert_eq!(
                with(wrong).unwrap_err(),
                HeadError::Expectation,
                "{wrong:?}"
            );
        }
    }
}
