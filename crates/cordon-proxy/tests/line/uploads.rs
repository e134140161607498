//! An upload whose bytes are not those that were signed never completes above, whatever protects
//! it: AWS drops a request that did not come to its end.

use crate::agent::{Wire, answer};
use crate::stage::{Set, Stage};
use cordon_aws::sigv4::{ChecksumAlgorithm, PayloadMode, Streaming, Trailer};
use cordon_core::record::CallResult;
use cordon_proxy::Deadlines;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const OBJECT: &str = "/reports/2026.csv";

/// More than three chunks, so that there is something to withhold and something to let go.
fn content() -> Vec<u8> {
    (0..200_000_u32)
        .flat_map(u32::to_le_bytes)
        .take(250_000)
        .collect()
}

fn hashed() -> PayloadMode {
    PayloadMode::Hashed(Sha256::digest(content()).into())
}

/// Every way to protect an upload, with its name.
fn honest(stage: &Stage) -> Vec<(&'static str, Wire)> {
    let crc = ChecksumAlgorithm::Crc32;
    let upload = |mode, trailer| stage.agent.upload(OBJECT, mode, &content(), trailer);
    let signed = Streaming::SignedTrailer(crc);
    let unsigned = Streaming::UnsignedTrailer(crc);
    let trailer = || Some(Trailer::of(crc, &content()));
    vec![
        ("the hash of the whole", upload(hashed(), None)),
        (
            "nothing but the transport",
            upload(PayloadMode::Unsigned, None),
        ),
        (
            "signed chunks",
            upload(PayloadMode::Streaming(Streaming::Signed), None),
        ),
        (
            "signed chunks, signed trailer",
            upload(PayloadMode::Streaming(signed), trailer()),
        ),
        (
            "a checksum in a trailer",
            upload(PayloadMode::Streaming(unsigned), trailer()),
        ),
    ]
}

#[tokio::test]
async fn an_upload_of_each_kind_comes_to_its_end() {
    let stage = Stage::new().await;
    for (at, (protection, wire)) in honest(&stage).iter().enumerate() {
        let answer = stage.agent.send(wire).await;
        assert_eq!(answer.status, 200, "{protection}: {}", answer.text());
        let whole = stage.upstream.whole();
        assert_eq!(whole.len(), at + 1, "{protection}");
        let request = whole.last().unwrap();
        assert!(
            request.head.starts_with("PUT /reports/2026.csv "),
            "{}",
            request.head
        );
        let last = &content()[249_000..];
        let came = request.body.windows(last.len()).any(|bytes| bytes == last);
        assert!(came, "{protection}: the end of the content");
    }
}

/// `body` with another byte in its last chunk of content.
fn other_last_byte(mut wire: Wire) -> Wire {
    let last = content()[249_000..249_016].to_vec();
    let at = wire
        .body
        .windows(16)
        .rposition(|bytes| bytes == last)
        .unwrap();
    wire.body[at] ^= 1;
    wire
}

fn other_text(mut wire: Wire, before: &str, offset: usize) -> Wire {
    let at = wire
        .body
        .windows(before.len())
        .rposition(|bytes| bytes == before.as_bytes());
    let at = at.unwrap() + before.len() + offset;
    wire.body[at] = if wire.body[at] == b'0' { b'1' } else { b'0' };
    wire
}

#[tokio::test]
async fn an_upload_that_is_not_what_was_signed_never_completes_above() {
    let stage = Stage::new().await;
    let crc = ChecksumAlgorithm::Crc32;
    let other = Trailer::of(crc, &[7; 250_000]);
    let with_other_checksum = |streaming| {
        let mode = PayloadMode::Streaming(streaming);
        stage
            .agent
            .upload(OBJECT, mode, &content(), Some(other.clone()))
    };
    let mut wrong: Vec<(String, Wire)> = honest(&stage)
        .into_iter()
        .filter(|(protection, _)| *protection != "nothing but the transport")
        .map(|(protection, wire)| (format!("{protection}: last byte"), other_last_byte(wire)))
        .collect();
    let find = |name: &str| {
        honest(&stage)
            .into_iter()
            .find(|(it, _)| *it == name)
            .unwrap()
            .1
    };
    wrong.extend([
        (
            "the signature of the last chunk".to_owned(),
            other_text(find("signed chunks"), ";chunk-signature=", 5),
        ),
        (
            "the signature of the trailer".to_owned(),
            other_text(
                find("signed chunks, signed trailer"),
                "x-amz-trailer-signature:",
                5,
            ),
        ),
        (
            "a signed checksum of other content".to_owned(),
            with_other_checksum(Streaming::SignedTrailer(crc)),
        ),
        (
            "a checksum of other content".to_owned(),
            with_other_checksum(Streaming::UnsignedTrailer(crc)),
        ),
        (
            "another checksum in the trailer".to_owned(),
            other_text(find("a checksum in a trailer"), "x-amz-checksum-crc32:", 2),
        ),
    ]);
    for (at, (what, wire)) in wrong.into_iter().enumerate() {
        let answer = stage.agent.send(&wire).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(
            answer.text().contains("XAmzContentSHA256Mismatch"),
            "{what}: {}",
            answer.text()
        );
        stage.upstream.has_seen(at + 1).await;
        assert!(
            stage.upstream.whole().is_empty(),
            "{what}: AWS has a whole request"
        );
        let result = stage.closed(answer.header("x-cordon-ref").unwrap()).await;
        assert!(
            matches!(result, CallResult::NotSent { .. }),
            "{what}: {result:?}"
        );
    }
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_upload_that_its_client_does_not_finish_never_completes_above() {
    let stage = Stage::set(Set {
        deadlines: Deadlines {
            body_idle: Duration::from_millis(200),
            ..Deadlines::default()
        },
        ..Set::default()
    })
    .await;
    for (at, (protection, wire)) in honest(&stage).into_iter().enumerate() {
        // It stalls within its last chunk in every other round, and is gone in the others.
        let mut stream = stage.agent.begin(&wire).await;
        stream
            .write_all(&wire.body[..wire.body.len() - 100])
            .await
            .unwrap();
        if at % 2 == 0 {
            let answer = answer(stream).await;
            assert_eq!(answer.status, 400, "{protection}: {}", answer.text());
            assert!(
                answer.text().contains("IncompleteBody"),
                "{protection}: {}",
                answer.text()
            );
        } else {
            drop(stream);
        }
        stage.upstream.has_seen(at + 1).await;
        assert!(
            stage.upstream.whole().is_empty(),
            "{protection}: AWS has a whole request"
        );
        let result = stage.last().await;
        assert!(
            matches!(result, CallResult::NotSent { .. }),
            "{protection}: {result:?}"
        );
    }
    stage.next_good_call_works().await;
}
