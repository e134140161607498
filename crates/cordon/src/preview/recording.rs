//! Recordings: JSON Lines as `cordon decide` reads them, or a HAR file of a browser or a proxy.
//!
//! A record that cannot be read is a fault with its number; what follows is read all the same.

use crate::failure::{Failure, USAGE};
use crate::machine::{LineError, Refused, RequestLine};
use serde::Deserialize;
use std::path::Path;

/// The largest HAR file that is read, in bytes: it is held whole.
const LARGEST_HAR: u64 = 256 << 20;

/// The requests of a HAR file, in order.
#[derive(Debug, Deserialize)]
struct Har {
    log: HarLog,
}

#[derive(Debug, Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Debug, Deserialize)]
struct HarEntry {
    request: HarRequest,
}

#[derive(Debug, Deserialize)]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<HarHeader>,
    #[serde(rename = "postData")]
    body: Option<HarBody>,
}

#[derive(Debug, Deserialize)]
struct HarHeader {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct HarBody {
    #[serde(default)]
    text: String,
    /// `base64` where the text is that of bytes.
    #[serde(default)]
    encoding: String,
}

/// Whether a file is a HAR by its name.
pub(crate) fn is_har(file: &Path) -> bool {
    file.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("har"))
}

/// The requests of a HAR file.
///
/// # Errors
/// When it cannot be read as one.
pub(crate) fn har(file: &Path) -> Result<Vec<Result<RequestLine, Refused>>, Failure> {
    let shown = file.display();
    let unread = |error: &(dyn std::error::Error + 'static)| {
        Failure::because(format!("`{shown}` could not be read"), error)
            .help(
                "a recording is a HAR file, or one request a line as `cordon decide --help` tells",
            )
            .code(USAGE)
    };
    let size = std::fs::metadata(file)
        .map_err(|error| unread(&error))?
        .len();
    if size > LARGEST_HAR {
        return Err(Failure::new(format!("`{shown}` is larger than 256 MiB"))
            .help("cut it in parts, or write it as one request a line")
            .code(USAGE));
    }
    let bytes = std::fs::read(file).map_err(|error| unread(&error))?;
    let har: Har = serde_json::from_slice(&bytes).map_err(|error| unread(&error))?;
    Ok(har.log.entries.into_iter().map(line).collect())
}

fn line(entry: HarEntry) -> Result<RequestLine, Refused> {
    let request = entry.request;
    let headers = request.headers.into_iter();
    // HTTP/2 names of a browser's own making are no headers.
    let headers = headers.filter(|header| !header.name.starts_with(':'));
    let headers = headers.map(|header| (header.name, header.value)).collect();
    let body = match request.body {
        None => Ok(Vec::new()),
        Some(body) if body.encoding == "base64" => RequestLine::decoded(&body.text),
        Some(body) => Ok(body.text.into_bytes()),
    };
    let body = body.map_err(|error: LineError| Refused {
        id: serde_json::Value::Null,
        error,
    })?;
    Ok(RequestLine::of(request.method, request.url, headers, &body))
}
