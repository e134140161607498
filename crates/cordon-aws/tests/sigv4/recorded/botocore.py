"""Records requests as botocore signs them, one JSON object a line, on standard output.

Nothing is sent: each request is taken at botocore's last hook before its HTTP client. Key, clock
and ids are fixed, so that two runs of one version give the same bytes.

    python -m venv venv && venv/bin/pip install boto3==1.44.8
    venv/bin/python botocore.py > botocore.jsonl
    venv/bin/pip install awscrt==0.38.1    # then AWS's C library signs, and knows more checksums
    venv/bin/python botocore.py > botocore-crt.jsonl
"""

import base64
import datetime
import io
import json
import sys
import uuid
from unittest import mock
from urllib.parse import urlsplit

sys.path = [path for path in sys.path if path not in ("", sys.path[0])]  # not this file

import boto3  # noqa: E402
import botocore.auth  # noqa: E402
from botocore.compat import HAS_CRT  # noqa: E402
from botocore.config import Config  # noqa: E402

NOW = datetime.datetime(2026, 11, 25, 9, 30, 0, tzinfo=datetime.timezone.utc)
KEY_ID, SECRET = "AKIACORDONEXAMPLE000", "placeholder/secret+key"
KEYS = ["a/../b", "x//y", "/leading", "a+b c", "emoji-\N{ROCKET}", "tab\tkey", "~-._", "%41?#&=;", "..", "a/./b/"]


# The user agent tells of the machine, and the requests need not make sense to a service.
PLAIN = Config(user_agent="botocore", parameter_validation=False)


class Stop(Exception):
    pass


def record(name):
    def take(request, **_):
        body = request.body
        if body is None:
            body = b""
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        headers = []
        for key, value in request.headers.items():
            value = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            headers.append([key, value])
        if "host" not in (key.lower() for key, _ in headers):  # else its HTTP client adds it
            headers.append(["Host", urlsplit(request.url).netloc])
        write(name, request.method, request.url, headers, body)
        raise Stop

    return take


def write(name, method, url, headers, body=b""):
    print(
        json.dumps(
            {
                "id": name,
                "method": method,
                "url": url,
                "headers": headers,
                "body_b64": base64.b64encode(body).decode(),
            }
        )
    )


def call(name, service, operation, region="eu-west-1", endpoint=None, config=None, **parameters):
    client = boto3.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=PLAIN.merge(config) if config else PLAIN,
    )
    client.meta.events.register("before-send", record(name))
    try:
        getattr(client, operation)(**parameters)
    except Stop:
        return
    raise SystemExit(f"{name} was not recorded")


def presign(name, service, operation, headers=(), body=b"", config=None, method=None, **parameters):
    client = boto3.client(
        service,
        region_name="eu-west-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=config,
    )
    url = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=900, HttpMethod=method)
    http = method or ("PUT" if operation == "put_object" else "GET")
    write(name, http, url, [["Host", urlsplit(url).netloc], *headers], body)


def s3():
    for index, key in enumerate(KEYS):
        call(f"s3-get-{index}", "s3", "get_object", Bucket="bucket", Key=key)
        call(f"s3-put-{index}", "s3", "put_object", Bucket="bucket", Key=key, Body=b"content")
    path = Config(s3={"addressing_style": "path"})
    plain = "http://127.0.0.1:8800"
    call("s3-path-style", "s3", "get_object", config=path, Bucket="bucket", Key="a b/c")
    call("s3-put-plain-http", "s3", "put_object", endpoint=plain, Bucket="b", Key="k", Body=b"content")
    call("s3-put-empty", "s3", "put_object", Bucket="bucket", Key="k", Body=b"")
    call("s3-put-stream", "s3", "put_object", Bucket="bucket", Key="k", Body=io.BytesIO(b"x" * 3_000))
    call("s3-put-gzip", "s3", "put_object", Bucket="bucket", Key="k", Body=io.BytesIO(b"x"), ContentEncoding="gzip", ContentType="text/plain", Metadata={"team": "pay  roll"})
    algorithms = ["CRC32", "SHA1", "SHA256", "SHA512"]
    if HAS_CRT:
        algorithms += ["CRC32C", "CRC64NVME", "XXHASH64", "XXHASH3", "XXHASH128"]
    for algorithm in algorithms:
        stream = io.BytesIO(b"content of a stream")
        call(f"s3-trailer-{algorithm}", "s3", "put_object", Bucket="bucket", Key="k", Body=stream, ChecksumAlgorithm=algorithm)
        call(f"s3-checksum-{algorithm}", "s3", "put_object", endpoint=plain, Bucket="b", Key="k", Body=b"content", ChecksumAlgorithm=algorithm)
    call("s3-list", "s3", "list_objects_v2", Bucket="bucket", Prefix="a b/+~*'()!", Delimiter="/", StartAfter="\N{ROCKET}")
    call("s3-acl", "s3", "get_bucket_acl", Bucket="bucket")
    call("s3-delete-many", "s3", "delete_objects", Bucket="bucket", Delete={"Objects": [{"Key": key} for key in KEYS]})
    call("s3-copy", "s3", "copy_object", Bucket="bucket", Key="to", CopySource={"Bucket": "other", "Key": "a+b c"})
    call("s3-upload-part", "s3", "upload_part", Bucket="bucket", Key="k", UploadId="id+/=", PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": "e", "ChecksumCRC32": "AAAAAA=="}]}
    call("s3-complete", "s3", "complete_multipart_upload", Bucket="bucket", Key="k", UploadId="id+/=", MultipartUpload=parts, ChecksumCRC32="sOO8/Q==")
    call("s3-lifecycle", "s3", "put_bucket_lifecycle_configuration", Bucket="bucket", LifecycleConfiguration={"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}}]})
    call("s3-control", "s3control", "list_jobs", AccountId="111122223333")
    v4 = Config(signature_version="s3v4")
    presign("presigned-get", "s3", "get_object", config=v4, Bucket="bucket", Key="a b/\N{ROCKET}", VersionId="v+1")
    presign("presigned-put", "s3", "put_object", config=v4, Bucket="bucket", Key="k", body=b"bytes", headers=[["Content-Length", "5"], ["Content-Type", "application/x-www-form-urlencoded"]])
    presign("presigned-put-typed", "s3", "put_object", config=v4, Bucket="bucket", Key="k", ContentType="text/plain", body=b"bytes", headers=[["Content-Type", "text/plain"]])
    presign("refused-sigv2-presigned", "s3", "get_object", config=Config(signature_version="s3"), Bucket="bucket", Key="k")


def others():
    call("dynamodb", "dynamodb", "delete_table", TableName="orders")
    call("sqs", "sqs", "send_message", QueueUrl="https://sqs.eu-west-1.amazonaws.com/111122223333/q", MessageBody="a b")
    call("sts", "sts", "get_caller_identity")
    call("sts-cn", "sts", "assume_role", region="cn-north-1", RoleArn="arn:aws-cn:iam::111122223333:role/r", RoleSessionName="s")
    call("ec2", "ec2", "terminate_instances", InstanceIds=["i-0abc", "i-1abc"])
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:ce:live"
    call("lambda-invoke", "lambda", "invoke", FunctionName=arn, Payload=b"{}")
    call("lambda-code", "lambda", "update_function_code", FunctionName="ce", ZipFile=b"PK")
    call("lambda-tags", "lambda", "untag_resource", Resource=arn, TagKeys=["a b", "c+d"])
    call("apigateway-tags", "apigateway", "get_tags", resourceArn="arn:aws:apigateway:eu-west-1::/restapis/x")
    call("connections", "apigatewaymanagementapi", "post_to_connection", endpoint="https://x.execute-api.eu-west-1.amazonaws.com/prod", ConnectionId="JBDv=", Data=b"hello")
    call("cloudwatch", "cloudwatch", "put_metric_data", Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.5}])
    call("iam", "iam", "get_user", region="us-east-1")
    call("route53", "route53", "change_resource_record_sets", region="us-east-1", HostedZoneId="Z1", ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "a.", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "192.0.2.1"}]}}]})
    call("cost-explorer", "ce", "get_cost_and_usage", region="us-east-1", TimePeriod={"Start": "2026-11-01", "End": "2026-11-02"}, Granularity="DAILY", Metrics=["UnblendedCost"])
    call("beanstalk", "elasticbeanstalk", "terminate_environment", region="cn-north-1", EnvironmentName="ce-prod")
    call("secure-tunneling", "iotsecuretunneling", "list_tunnels")
    call("glacier", "glacier", "upload_archive", vaultName="v", body=b"archive")
    call("ebs-unsigned", "ebs", "put_snapshot_block", SnapshotId="snap-0", BlockIndex=0, BlockData=b"x" * 512, DataLength=512, Checksum="AAAA", ChecksumAlgorithm="SHA256")
    call("mediastore-unsigned", "mediastore-data", "put_object", endpoint="https://x.data.mediastore.eu-west-1.amazonaws.com", Path="a/b c", Body=b"media")
    presign("presigned-sts", "sts", "get_caller_identity", method="GET")
    presign("presigned-polly", "polly", "synthesize_speech", method="GET", Text="a b", OutputFormat="mp3", VoiceId="Joanna")


def now(remove_tzinfo=True):
    return NOW.replace(tzinfo=None) if remove_tzinfo else NOW


ids = (uuid.UUID(int=number) for number in range(1, 10_000))
with mock.patch("uuid.uuid4", lambda: next(ids)), mock.patch("time.time", NOW.timestamp):
    botocore.auth.get_current_datetime = now
    if HAS_CRT:
        import botocore.crt.auth

        botocore.crt.auth.get_current_datetime = now
    s3()
    others()
