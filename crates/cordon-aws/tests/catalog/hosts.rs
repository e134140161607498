//! What a host says of partition, region and service.

use cordon_aws::catalog::Catalog;

#[test]
fn names_below_aws_suffixes_that_anyone_can_own_are_no_endpoints() {
    for host in [
        "amazonaws.com",
        "evil.amazonaws.com",
        "my-lb-123.us-east-1.elb.amazonaws.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
        "abc123.execute-api.us-east-1.amazonaws.com",
        "abc.lambda-url.us-east-1.on.aws",
        "bucket.s3-website-us-east-1.amazonaws.com",
        "bucket.s3-website.eu-central-1.amazonaws.com",
        "d111111abcdef8.cloudfront.net",
        "db.abc.us-east-1.rds.amazonaws.com",
        "x.ec2.us-east-1.amazonaws.com",
        "ec2.us-east-1.amazonaws.com.evil.com",
        "ec2.us-east-1.amazonaws.com.cn",
        "ec2.cn-north-1.amazonaws.com",
        "ec2.mars-north-1.amazonaws.com",
        "11112222333.s3-control.us-east-1.amazonaws.com",
        "query-cell.timestream.us-east-1.amazonaws.com",
        "query-cellar.timestream.us-east-1.amazonaws.com",
        "a.b.data-kinesis-queues.us-east-1.amazonaws.com",
        "osm.us-east-1.on.aws",
        "",
        ".",
        "..amazonaws.com",
    ] {
        assert!(Catalog::embedded().host(host).is_none(), "{host}");
    }
}

#[test]
fn hosts_tell_partition_region_and_service() {
    for (host, partition, region, service, prefix) in [
        (
            "ec2.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "ec2",
            "",
        ),
        (
            "ec2.cn-north-1.amazonaws.com.cn",
            "aws-cn",
            Some("cn-north-1"),
            "ec2",
            "",
        ),
        ("iam.amazonaws.com", "aws", None, "iam", ""),
        ("iam.cn-north-1.amazonaws.com.cn", "aws-cn", None, "iam", ""),
        ("sts.amazonaws.com", "aws", None, "sts", ""),
        (
            "sts.us-gov-west-1.amazonaws.com",
            "aws-us-gov",
            Some("us-gov-west-1"),
            "sts",
            "",
        ),
        (
            "monitoring-fips.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "cloudwatch",
            "",
        ),
        (
            "lambda.eu-central-1.api.aws",
            "aws",
            Some("eu-central-1"),
            "lambda",
            "",
        ),
        ("s3.amazonaws.com", "aws", None, "s3", ""),
        (
            "a.b.s3.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "a.b",
        ),
        (
            "logs.s3-eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "logs",
        ),
        (
            "logs.s3.dualstack.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "s3",
            "logs",
        ),
        (
            "b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "s3",
            "b--use1-az4--x-s3",
        ),
        (
            "111122223333.s3-control.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "s3control",
            "111122223333",
        ),
        (
            "111122223333.ddb.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "dynamodb",
            "111122223333",
        ),
        (
            "us-east-1.queue.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "sqs",
            "",
        ),
        (
            "sync-states.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "stepfunctions",
            "sync-",
        ),
        (
            "api.ecr.us-east-1.amazonaws.com",
            "aws",
            Some("us-east-1"),
            "ecr",
            "",
        ),
        (
            "111122223333.control-kinesis.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "kinesis",
            "111122223333",
        ),
        (
            "a1b2.c3.data-kinesis-fips.eu-west-1.api.aws",
            "aws",
            Some("eu-west-1"),
            "kinesis",
            "a1b2.c3",
        ),
        (
            "q1.data-kinesis-queues.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "kinesis",
            "q1",
        ),
        (
            "query-cell2.timestream.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "timestream-query",
            "",
        ),
        (
            "ingest-cell11.timestream.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "timestream-write",
            "",
        ),
        (
            "b-1a2b3c4d.kinesisvideo.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "kinesis-video-media",
            "b-1a2b3c4d",
        ),
        (
            "realtime.machinelearning.eu-west-1.amazonaws.com",
            "aws",
            Some("eu-west-1"),
            "machinelearning",
            "",
        ),
        (
            "space1.osm.eu-west-1.on.aws",
            "aws",
            Some("eu-west-1"),
            "opensearchmemory",
            "space1",
        ),
        (
            "dynamodb.eusc-de-east-1.amazonaws.eu",
            "aws-eusc",
            Some("eusc-de-east-1"),
            "dynamodb",
            "",
        ),
    ] {
        let found = Catalog::embedded()
            .host(host)
            .unwrap_or_else(|| panic!("{host}"));
        let services: Vec<_> = found.services().map(|service| service.name()).collect();
        assert_eq!(
            (found.partition, found.region, found.prefix),
            (partition, region, prefix),
            "{host}"
        );
        assert!(services.contains(&service), "{host}: {services:?}");
    }
}

#[test]
fn every_standard_endpoint_is_a_known_host_of_its_service() {
    let catalog = Catalog::embedded();
    for service in catalog.services() {
        for partition in catalog.partitions() {
            for region in partition.regions() {
                let Some(host) = service.standard_host(partition.name(), region) else {
                    continue;
                };
                let found = catalog.host(&host).unwrap_or_else(|| panic!("{host}"));
                // A few partitions share a global host, which then is that of `aws`.
                let shared = found.region.is_none() && found.partition == "aws";
                assert!(shared || found.partition == partition.name(), "{host}");
                assert!(
                    found.services().any(|other| other == service),
                    "{host}: {service:?}"
                );
            }
        }
    }
}

#[test]
fn global_services_sign_in_their_own_region() {
    for (service, partition, host, region) in [
        ("iam", "aws", "iam.amazonaws.com", Some("us-east-1")),
        (
            "iam",
            "aws-cn",
            "iam.cn-north-1.amazonaws.com.cn",
            Some("cn-north-1"),
        ),
        ("route53", "aws", "route53.amazonaws.com", Some("us-east-1")),
        ("sts", "aws", "sts.eu-west-1.amazonaws.com", None),
    ] {
        let service = Catalog::embedded().service(service).unwrap();
        let asked = if partition == "aws" {
            "eu-west-1"
        } else {
            "cn-northwest-1"
        };
        assert_eq!(service.global_region(partition), region, "{service:?}");
        assert_eq!(
            service.standard_host(partition, asked).as_deref(),
            Some(host),
            "{service:?}"
        );
    }
}
