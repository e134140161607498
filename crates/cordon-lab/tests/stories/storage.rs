//! S3: what is put is what is read, and nothing that was not meant is lost.

use base64::Engine as _;
use cordon_lab::{Estate, Lab, LabConfig};
use md5::Digest as _;

use crate::client::{Answer, BUCKET, Keys, Request, Story, allow};

fn path(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}

async fn put(story: &Story, keys: &Keys, key: &str, body: &[u8]) -> Answer {
    let answer = story
        .send(keys, Request::s3("PUT", &path(key)).body(body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

#[tokio::test]
async fn a_wrong_checksum_keeps_an_object_out() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let crc32 = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC)
        .checksum(b"abc")
        .to_be_bytes();
    let crc32c = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI)
        .checksum(b"abc")
        .to_be_bytes();
    let crc64 = crc::Crc::<u64>::new(&crc::CRC_64_NVME)
        .checksum(b"abc")
        .to_be_bytes();
    for (header, right) in [
        ("content-md5", base64(&md5::Md5::digest(b"abc"))),
        ("x-amz-checksum-crc32", base64(&crc32)),
        ("x-amz-checksum-crc32c", base64(&crc32c)),
        ("x-amz-checksum-crc64nvme", base64(&crc64)),
        ("x-amz-checksum-sha1", base64(&sha1::Sha1::digest(b"abc"))),
        (
            "x-amz-checksum-sha256",
            base64(&sha2::Sha256::digest(b"abc")),
        ),
    ] {
        let with = |body: &[u8]| {
            Request::s3("PUT", &path(header))
                .header(header, &right)
                .body(body)
        };
        assert_eq!(
            story.send(&keys, with(b"abd")).await.code(),
            "BadDigest",
            "{header}"
        );
        assert_eq!(
            story
                .send(&keys, Request::s3("HEAD", &path(header)))
                .await
                .status,
            404,
            "{header}"
        );
        assert_eq!(
            story.send(&keys, with(b"abc")).await.status,
            200,
            "{header}"
        );
    }
}

#[tokio::test]
async fn who_may_not_list_does_not_learn_that_a_key_is_absent() {
    let story = Story::start().await;
    let reader = story
        .session(Some(&allow(
            &["s3:GetObject"],
            &[&format!("arn:aws-cn:s3:::{BUCKET}/*")],
        )))
        .await;
    assert_eq!(
        story
            .send(&reader, Request::s3("GET", &path("nothing")))
            .await
            .code(),
        "AccessDenied"
    );
    let head = story
        .send(&reader, Request::s3("HEAD", &path("nothing")))
        .await;
    assert_eq!((head.status, head.body.as_str()), (403, ""));
    let wide = story.session(None).await;
    assert_eq!(
        story
            .send(&wide, Request::s3("GET", &path("nothing")))
            .await
            .code(),
        "NoSuchKey"
    );
    assert_eq!(
        story
            .send(&wide, Request::s3("HEAD", &path("nothing")))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_bucket_with_objects_is_not_deleted() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let answer = story
        .send(&keys, Request::s3("DELETE", &format!("/{BUCKET}")))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "BucketNotEmpty")
    );
    let body = b"<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>cn-north-1</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(
        story
            .send(&keys, Request::s3("PUT", "/made-here").body(body))
            .await
            .status,
        200
    );
    assert_eq!(
        story
            .send(&keys, Request::s3("PUT", "/made-here").body(body))
            .await
            .code(),
        "BucketAlreadyOwnedByYou"
    );
    assert_eq!(
        story
            .send(&keys, Request::s3("PUT", "/made-there"))
            .await
            .code(),
        "IllegalLocationConstraintException"
    );
    assert_eq!(
        story
            .send(&keys, Request::s3("DELETE", "/made-here"))
            .await
            .status,
        204
    );
}

#[tokio::test]
async fn a_version_outlives_a_deletion_without_its_id() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let enable = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(
        story
            .send(
                &keys,
                Request::s3("PUT", &format!("/{BUCKET}"))
                    .query("versioning", "")
                    .body(enable)
            )
            .await
            .status,
        200
    );
    let id = put(&story, &keys, "v", b"first")
        .await
        .header("x-amz-version-id")
        .unwrap()
        .to_owned();
    put(&story, &keys, "v", b"second").await;
    let deleted = story.send(&keys, Request::s3("DELETE", &path("v"))).await;
    assert_eq!(deleted.header("x-amz-delete-marker"), Some("true"));
    assert_eq!(
        story
            .send(&keys, Request::s3("GET", &path("v")))
            .await
            .code(),
        "NoSuchKey"
    );
    let old = || Request::s3("GET", &path("v")).query("versionId", &id);
    assert_eq!(story.send(&keys, old()).await.body, "first");
    // Deleting one version for good is another permission.
    let narrow = story
        .session(Some(&allow(&["s3:DeleteObject"], &["*"])))
        .await;
    assert_eq!(
        story
            .send(
                &narrow,
                Request::s3("DELETE", &path("v")).query("versionId", &id)
            )
            .await
            .code(),
        "AccessDenied"
    );
    assert_eq!(
        story
            .send(
                &keys,
                Request::s3("DELETE", &path("v")).query("versionId", &id)
            )
            .await
            .status,
        204
    );
    assert_eq!(story.send(&keys, old()).await.code(), "NoSuchVersion");
}

#[tokio::test]
async fn a_bucket_policy_can_take_away_what_a_role_allows() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws-cn:s3:::{BUCKET}/*"}}]}}"#
    );
    let set = Request::s3("PUT", &format!("/{BUCKET}"))
        .query("policy", "")
        .body(policy.as_bytes());
    assert_eq!(story.send(&keys, set).await.status, 204);
    let answer = story
        .send(&keys, Request::s3("DELETE", &path("2026/06/summary.csv")))
        .await;
    assert!(
        answer
            .body
            .contains("with an explicit deny in a resource-based policy"),
        "{answer:?}"
    );
    assert_eq!(
        story
            .send(&keys, Request::s3("GET", &path("2026/06/summary.csv")))
            .await
            .status,
        200
    );
    let malformed = Request::s3("PUT", &format!("/{BUCKET}"))
        .query("policy", "")
        .body(b"{}");
    assert_eq!(story.send(&keys, malformed).await.code(), "MalformedPolicy");
}

#[tokio::test]
async fn parts_become_an_object_only_when_all_of_them_fit() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let begun = story
        .send(
            &keys,
            Request::s3("POST", &path("whole")).query("uploads", ""),
        )
        .await;
    let id = begun.element("UploadId").to_owned();
    let part = |number: &str, body: &[u8]| {
        Request::s3("PUT", &path("whole"))
            .query("partNumber", number)
            .query("uploadId", &id)
            .body(body)
    };
    let large = vec![b'a'; 5 * 1_024 * 1_024];
    let first = story
        .send(&keys, part("1", &large))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let second = story
        .send(&keys, part("2", b"end"))
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let complete = |parts: &[(&str, &str)]| {
        let rows: String = parts
            .iter()
            .map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        let body = format!("<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>");
        Request::s3("POST", &path("whole"))
            .query("uploadId", &id)
            .body(body.as_bytes())
    };
    for (parts, code) in [
        (
            vec![("2", second.as_str()), ("1", first.as_str())],
            "InvalidPartOrder",
        ),
        (vec![("1", second.as_str())], "InvalidPart"),
        (
            vec![("1", first.as_str()), ("3", second.as_str())],
            "InvalidPart",
        ),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(
            story.send(&keys, complete(&parts)).await.code(),
            code,
            "{parts:?}"
        );
    }
    assert_eq!(
        story
            .send(&keys, Request::s3("HEAD", &path("whole")))
            .await
            .status,
        404
    );
    let done = story
        .send(&keys, complete(&[("1", &first), ("2", &second)]))
        .await;
    assert!(done.element("ETag").ends_with("-2&quot;"), "{done:?}");
    let ranged = Request::s3("GET", &path("whole")).header("range", "bytes=-4");
    let tail = story.send(&keys, ranged).await;
    assert_eq!((tail.status, tail.body.as_str()), (206, "aend"));
    assert_eq!(
        story.send(&keys, complete(&[("1", &first)])).await.code(),
        "NoSuchUpload"
    );
}

#[tokio::test]
async fn listings_fold_page_and_hide_nothing() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    for key in ["logs/1", "logs/2", "top"] {
        put(&story, &keys, key, b"").await;
    }
    let list = || Request::s3("GET", &format!("/{BUCKET}")).query("list-type", "2");
    let folded = story.send(&keys, list().query("delimiter", "/")).await;
    assert_eq!(folded.element("CommonPrefixes"), "<Prefix>2026/</Prefix>");
    assert!(folded.body.contains("<Key>top</Key>") && !folded.body.contains("<Key>logs/1</Key>"));
    let page = story.send(&keys, list().query("max-keys", "4")).await;
    assert_eq!(
        (page.element("KeyCount"), page.element("IsTruncated")),
        ("4", "true")
    );
    let next = story
        .send(
            &keys,
            list().query("continuation-token", page.element("NextContinuationToken")),
        )
        .await;
    assert_eq!(
        (next.element("KeyCount"), next.element("Key")),
        ("1", "top")
    );
}

#[tokio::test]
async fn a_condition_on_the_prefix_binds_a_listing() {
    let story = Story::start().await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws-cn:s3:::{BUCKET}","Condition":{{"StringLike":{{"s3:prefix":"2026/*"}}}}}}]}}"#
    );
    let keys = story.session(Some(&policy)).await;
    let list = |prefix: &str| {
        Request::s3("GET", &format!("/{BUCKET}"))
            .query("list-type", "2")
            .query("prefix", prefix)
    };
    assert_eq!(story.send(&keys, list("2026/06")).await.status, 200);
    assert_eq!(story.send(&keys, list("")).await.code(), "AccessDenied");
}

#[tokio::test]
async fn beyond_the_bound_an_object_has_its_hashes_but_not_its_content() {
    let region = "cn-north-1".parse().unwrap();
    let partition = cordon_aws::arn::Partition::of_region(&region);
    let estate = Estate::seed_story(&partition, &region, &"111122223333".parse().unwrap()).unwrap();
    let clock = cordon_lab::Clock::manual("2026-07-29T10:00:00Z".parse().unwrap());
    let config = LabConfig {
        kept_bytes: 1_000,
        clock: clock.clone(),
        ..LabConfig::new(estate)
    };
    let story = Story {
        lab: Lab::start(config).await.unwrap(),
        clock,
    };
    let keys = story.session(None).await;
    let body = vec![b'z'; 5_000];
    let etag = put(&story, &keys, "big", &body)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    assert_eq!(
        etag,
        format!("\"{}\"", hex::encode(md5::Md5::digest(&body)))
    );
    let head = story.send(&keys, Request::s3("HEAD", &path("big"))).await;
    assert_eq!(head.header("content-length"), Some("5000"));
    assert_eq!(
        story
            .send(&keys, Request::s3("GET", &path("big")))
            .await
            .code(),
        "InternalError"
    );
    put(&story, &keys, "small", b"fits").await;
    assert_eq!(
        story
            .send(&keys, Request::s3("GET", &path("small")))
            .await
            .body,
        "fits"
    );
}

#[tokio::test]
async fn a_header_that_the_lab_does_not_honour_is_never_ignored() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    for header in [
        "x-amz-tagging",
        "x-amz-server-side-encryption",
        "x-amz-object-lock-mode",
    ] {
        let put = Request::s3("PUT", &path("new"))
            .header(header, "x")
            .body(b"one");
        assert_eq!(
            story.send(&keys, put).await.code(),
            "NotImplemented",
            "{header}"
        );
        let begin = Request::s3("POST", &path("new"))
            .query("uploads", "")
            .header(header, "x");
        assert_eq!(
            story.send(&keys, begin).await.code(),
            "NotImplemented",
            "{header}"
        );
    }
    assert_eq!(
        story
            .send(&keys, Request::s3("HEAD", &path("new")))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_directory_bucket_is_signed_for_by_its_own_name_and_guarded_as_a_whole() {
    const DIRECTORY: &str = "/orders--cnn1-az1--x-s3";
    let story = Story::start().await;
    let arn = |name: &str| format!("arn:aws-cn:s3express:cn-north-1:111122223333:bucket{name}");
    let actions = ["s3express:CreateBucket", "s3express:CreateSession"];
    let keys = story
        .session(Some(&allow(&actions, &[&arn(DIRECTORY)])))
        .await;
    let call = |service: &str, method: &str, path: &str| {
        Request::new(service, method, &format!("{DIRECTORY}{path}"))
    };
    let place = "<CreateBucketConfiguration><LocationConstraint>cn-north-1</LocationConstraint>\
                 </CreateBucketConfiguration>";
    let create = call("s3express", "PUT", "").body(place.as_bytes());
    let put = || call("s3express", "PUT", "/a").body(b"abc");
    assert_eq!(story.send(&keys, create).await.status, 200);
    assert_eq!(story.send(&keys, put()).await.status, 200);
    let read = story.send(&keys, call("s3express", "GET", "/a")).await;
    assert_eq!((read.status, &*read.body), (200, "abc"));

    let regional = story.send(&keys, call("s3", "GET", "/a")).await;
    assert_eq!(regional.code(), "InvalidRequest");
    let ordinary = Request::new("s3express", "GET", &path("a"));
    assert_eq!(story.send(&keys, ordinary).await.code(), "InvalidRequest");
    let token = put().header("x-amz-s3session-token", "of nobody");
    assert_eq!(story.send(&keys, token).await.code(), "InvalidToken");
    let other = allow(&actions, &[&arn("/ledger--cnn1-az1--x-s3")]);
    let other = story.session(Some(&other)).await;
    assert_eq!(story.send(&other, put()).await.status, 403);
}
