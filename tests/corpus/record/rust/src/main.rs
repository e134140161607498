//! Makes calls with the AWS SDK for Rust, for `record.py` to write down.
//!
//! Takes where to send them from the environment (a proxy and its certificate, or an endpoint), as
//! any program does; prints a line a call. Every call is answered by an error, and that is well.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types as ddb;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types as s3t;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::region::Region;
use std::env::var;

type Failure = Box<dyn std::error::Error>;

fn config() -> Result<aws_types::SdkConfig, Failure> {
    let keys = Credentials::new(
        var("AWS_ACCESS_KEY_ID")?,
        var("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    );
    let mut config = aws_types::SdkConfig::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(Region::new(var("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
    let proxy = match var("HTTPS_PROXY") {
        Ok(proxy) => ProxyConfig::https(&proxy)?,
        Err(_) => ProxyConfig::disabled(),
    };
    let mut trusted = TrustStore::empty();
    if let Ok(bundle) = var("AWS_CA_BUNDLE") {
        trusted = trusted.with_pem_certificate(std::fs::read(bundle)?);
    }
    let context = TlsContext::builder().with_trust_store(trusted).build()?;
    if let Ok(endpoint) = var("AWS_ENDPOINT_URL") {
        config = config.endpoint_url(endpoint);
    }
    let client = Builder::new().build_with_connector_fn(move |settings, _| {
        let mut connector = Connector::builder().proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .build()
    });
    Ok(config.http_client(client).build())
}

/// Sends each call, whatever becomes of it.
macro_rules! send {
    ($($call:expr;)*) => {{
        $(
            println!("{}", name(stringify!($call)));
            let _ = $call.send().await;
        )*
    }};
}

/// `s3:PutObject` of `s3.put_object().bucket(..)`.
fn name(call: &str) -> String {
    let start = call.split('(').next().unwrap_or_default().replace([' ', '\n'], "");
    let (service, method) = start.split_once('.').unwrap_or_default();
    let mut operation = String::new();
    for word in method.split('_') {
        let (first, rest) = word.split_at(1);
        operation += &first.to_uppercase();
        operation += rest;
    }
    format!("{service}:{operation}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let config = config()?;
    buckets(&config).await?;
    tables(&config).await?;
    queues_and_topics(&config).await?;
    keys_and_metrics(&config).await?;
    functions_and_roles(&config).await?;
    Ok(())
}

async fn buckets(config: &aws_types::SdkConfig) -> Result<(), Failure> {
    let s3 = aws_sdk_s3::Client::new(config);
    let object = s3t::ObjectIdentifier::builder().key("a key/ü.txt").build()?;
    let other = s3t::ObjectIdentifier::builder().key("logs/2").version_id("v2").build()?;
    let tags = s3t::Tagging::builder()
        .tag_set(s3t::Tag::builder().key("team").value("shop & co").build()?)
        .build()?;
    let access = "arn:aws:s3:eu-west-1:111122223333:accesspoint/readers";
    send! {
        s3.list_buckets();
        s3.create_bucket().bucket("corpus-bucket").create_bucket_configuration(
            s3t::CreateBucketConfiguration::builder()
                .location_constraint(s3t::BucketLocationConstraint::EuWest1).build());
        s3.head_bucket().bucket("corpus-bucket");
        s3.list_objects_v2().bucket("corpus-bucket").prefix("logs/").max_keys(7);
        s3.list_object_versions().bucket("corpus-bucket");
        s3.put_object().bucket("corpus-bucket").key("a key/ü.txt").body(ByteStream::from_static(b"text"));
        s3.put_object().bucket(access).key("through/a/point").body(ByteStream::from_static(b"text"));
        s3.get_object().bucket("corpus-bucket").key("logs//1").range("bytes=0-9");
        s3.get_object().bucket("dotted.bucket").key("plus+and%percent").version_id("v1");
        s3.head_object().bucket("corpus-bucket").key("logs/1");
        s3.copy_object().bucket("corpus-bucket").key("to").copy_source("source-bucket/from%20here");
        s3.create_multipart_upload().bucket("corpus-bucket").key("big");
        s3.upload_part().bucket("corpus-bucket").key("big").upload_id("u1").part_number(1)
            .body(ByteStream::from_static(b"part"));
        s3.abort_multipart_upload().bucket("corpus-bucket").key("big").upload_id("u1");
        s3.delete_object().bucket("corpus-bucket").key("logs/1").version_id("v1");
        s3.delete_objects().bucket("corpus-bucket")
            .delete(s3t::Delete::builder().objects(object).objects(other).build()?);
        s3.put_bucket_tagging().bucket("corpus-bucket").tagging(tags);
        s3.get_bucket_policy().bucket("corpus-bucket");
        s3.delete_bucket().bucket("corpus-bucket");
    }
    Ok(())
}

async fn tables(config: &aws_types::SdkConfig) -> Result<(), Failure> {
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    let id = || ddb::AttributeValue::S("n-1".to_owned());
    let delete = ddb::DeleteRequest::builder().key("id", id()).build()?;
    let requests = vec![ddb::WriteRequest::builder().delete_request(delete).build()];
    let put = ddb::Put::builder().table_name("orders").item("id", id()).build()?;
    let gone = ddb::Delete::builder().table_name("carts").key("id", id()).build()?;
    send! {
        dynamodb.list_tables();
        dynamodb.describe_table().table_name("orders");
        dynamodb.put_item().table_name("orders").item("id", id());
        dynamodb.get_item().table_name("orders").key("id", id());
        dynamodb.query().table_name("orders").index_name("by-day")
            .key_condition_expression("id = :i").expression_attribute_values(":i", id());
        dynamodb.batch_write_item().request_items("orders", requests);
        dynamodb.transact_write_items()
            .transact_items(ddb::TransactWriteItem::builder().put(put).build())
            .transact_items(ddb::TransactWriteItem::builder().delete(gone).build());
        dynamodb.execute_statement().statement("DELETE FROM \"orders\" WHERE id = 'n-1'");
        dynamodb.delete_table().table_name("orders");
    }
    Ok(())
}

async fn queues_and_topics(config: &aws_types::SdkConfig) -> Result<(), Failure> {
    let sqs = aws_sdk_sqs::Client::new(config);
    let sns = aws_sdk_sns::Client::new(config);
    let queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/orders";
    let topic = "arn:aws:sns:eu-west-1:111122223333:orders";
    send! {
        sqs.create_queue().queue_name("orders");
        sqs.list_queues();
        sqs.send_message().queue_url(queue).message_body("{\"n\":1}");
        sqs.receive_message().queue_url(queue).max_number_of_messages(5);
        sqs.purge_queue().queue_url(queue);
        sqs.delete_queue().queue_url(queue);
        sns.create_topic().name("orders");
        sns.publish().topic_arn(topic).message("hello");
        sns.set_topic_attributes().topic_arn(topic).attribute_name("Policy").attribute_value("{}");
        sns.delete_topic().topic_arn(topic);
    }
    Ok(())
}

async fn keys_and_metrics(config: &aws_types::SdkConfig) -> Result<(), Failure> {
    use aws_sdk_cloudwatch::types as cw;
    use aws_sdk_kms::primitives::Blob;
    let kms = aws_sdk_kms::Client::new(config);
    let cloudwatch = aws_sdk_cloudwatch::Client::new(config);
    let key = "0a1b2c3d-0000-4000-8000-0123456789ab";
    let datum = cw::MetricDatum::builder().metric_name("orders").value(1.5).build();
    send! {
        kms.create_key().description("orders");
        kms.encrypt().key_id(key).plaintext(Blob::new("text"));
        kms.decrypt().ciphertext_blob(Blob::new("text"));
        kms.create_grant().key_id(key).grantee_principal("arn:aws:iam::111122223333:role/reader");
        kms.schedule_key_deletion().key_id(key).pending_window_in_days(7);
        cloudwatch.put_metric_data().namespace("shop").metric_data(datum);
        cloudwatch.describe_alarms().alarm_names("orders");
        cloudwatch.delete_alarms().alarm_names("orders").alarm_names("carts");
        cloudwatch.disable_alarm_actions().alarm_names("orders");
    }
    Ok(())
}

async fn functions_and_roles(config: &aws_types::SdkConfig) -> Result<(), Failure> {
    use aws_sdk_lambda::primitives::Blob;
    let lambda = aws_sdk_lambda::Client::new(config);
    let sts = aws_sdk_sts::Client::new(config);
    send! {
        lambda.list_functions();
        lambda.get_function().function_name("orders:live");
        lambda.invoke().function_name("111122223333:function:orders").payload(Blob::new("{}"));
        lambda.update_function_configuration().function_name("orders").memory_size(256);
        lambda.delete_function().function_name("orders").qualifier("7");
        sts.get_caller_identity();
        sts.assume_role().role_arn("arn:aws:iam::111122223333:role/deploy").role_session_name("one");
    }
    Ok(())
}
