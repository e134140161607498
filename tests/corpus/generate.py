"""Requests as botocore really makes them, for every operation of every service.

Takes the installed botocore and `truth/`; writes one JSON object a line in the input format of
`cordon classify`, with an `expect` member beside it. Parameters are filled by `values.py`; the
serializers, endpoint rules and signers are botocore's own, and nothing is sent. The same arguments
give the same requests but for the date.

usage: generate.py [--share K/N] MAKING [--and MAKING]...
MAKING: OUTPUT [--bare] [--taste TASTE] [--region REGION]... [--fips] [--dual-stack]
        [--endpoint URL] [--form FORM] [--protocol PROTOCOL] [--bucket NAME]
        [--path-style] [--no-sessions] [--service NAME]... [--sample N [--part K]]

Several makings go through the services together, since what takes long is to read the models. Of N
processes with a share each, every one makes other services. An operation that botocore cannot make has `unmade`, the reason, instead of a request. OUTPUT is
compressed where its name ends in `.gz`. Made with botocore 1.44.8.
"""

import argparse
import base64
import gzip
import hashlib
import json
import os
import sys
from contextlib import ExitStack, contextmanager
from itertools import groupby
from urllib.parse import quote, urlencode

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.tokens import FrozenAuthToken

from truth import Truth
from values import ACCOUNT, OTHER_ACCOUNT, Values


class Stop(Exception):
    pass


class Maker:
    """Makes the requests of one way of calling."""

    def __init__(self, options, loader, truth):
        self.options = options
        self.session = botocore.session.Session()
        self.session.register_component("data_loader", loader)
        self.truth = truth
        self.seen = []

    def place(self, service):
        """Each service in one of the regions, so that one run sees them all."""
        regions = self.options.region
        region = regions[number_of(service) % len(regions)]
        partition = self.session.get_partition_for_region(region)
        resolver = self.session.get_component("endpoint_resolver")
        return partition, region, resolver.get_partition_dns_suffix(partition)

    def model(self, service):
        model = self.session.get_service_model(service)
        wanted = self.options.protocol
        if wanted is None:
            return model
        declared = model.metadata.get("protocols", [model.metadata["protocol"]])
        return model if wanted in declared and wanted != model.resolved_protocol else None

    @contextmanager
    def speaking(self, service):
        """The service's model with the wanted protocol alone, which the loader shows to all."""
        loader = self.session.get_component("data_loader")
        model = loader.load_service_model(service, "service-2")
        whole, wanted = model["metadata"], self.options.protocol
        if wanted is not None:
            model["metadata"] = whole | {"protocol": wanted, "protocols": [wanted]}
        try:
            yield
        finally:
            model["metadata"] = whole

    def client(self, service, region):
        options = self.options
        os.environ["AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"] = str(options.no_sessions).lower()
        client = self.session.create_client(
            service,
            region_name=region,
            aws_access_key_id="AKIACORPUS0000000001",
            aws_secret_access_key="corpus-secret",
            endpoint_url=options.endpoint,
            config=Config(
                endpoint_discovery_enabled=service.startswith("timestream-") and not options.endpoint,
                retries={"max_attempts": 0, "mode": "standard"},
                use_fips_endpoint=options.fips,
                use_dualstack_endpoint=options.dual_stack,
                # Of an ARN the place is the ARN's own, as tools set it that meet many.
                s3={"use_arn_region": True, "addressing_style": "path" if options.path_style else "auto"},
            ),
        )
        client._request_signer._auth_token = FrozenAuthToken("corpus-token")
        if options.form == "get":
            # Before the one that signs, which is registered under the same name.
            identifier = client.meta.service_model.service_id.hyphenize()
            client.meta.events.register_first(f"request-created.{identifier}", by_get)
        client.meta.events.register_first("before-send", self.send)
        return client

    def send(self, request, event_name, **_):
        if event_name.endswith(".DescribeEndpoints") and self.operation != "DescribeEndpoints":
            return cells(request)
        if event_name.endswith(".CreateSession") and self.operation != "CreateSession":
            return zonal_session(request)
        self.seen.append(request)
        raise Stop()

    def lines(self, service):
        model = self.model(service)
        if model is None or not self.has_form(model):
            return
        place = self.place(service)
        prefix = self.truth.prefix(service) or model.signing_name
        names = self.truth.names(service, place[0], other_region(place[1]), OTHER_ACCOUNT)
        options = self.options
        bucket = (options.bucket or "").format(partition=place[0], region=place[1], account=ACCOUNT)
        values = Values(service, prefix, place, not options.bare, options.taste, names, bucket)
        client = None
        for operation in model.operation_names:
            identifier = f"{service}:{operation}"
            if number_of(identifier) % options.sample != options.part % options.sample:
                continue
            if client is None:
                with self.speaking(service):
                    client = self.client(service, place[1])
            parameters = values.of(model.operation_model(operation)) or {}
            request, why = self.request(client, operation, parameters)
            if request is None and why is None:
                continue
            if request is None:
                yield {"id": identifier, "unmade": why}
                continue
            line = {"id": identifier, **request}
            yield line | {"expect": self.expected(line, service, operation, parameters, place)}

    def has_form(self, model):
        protocol = self.options.protocol or model.resolved_protocol
        return self.options.form != "get" or protocol in ("query", "ec2")

    def request(self, client, operation, parameters):
        names = {value: key for key, value in client.meta.method_to_api_mapping.items()}
        if operation not in names:
            return None, "botocore has no method for it"
        if self.options.form == "presigned":
            return presigned(client, names[operation], parameters)
        self.seen.clear()
        self.operation = operation
        try:
            getattr(client, names[operation])(**parameters)
        except Stop:
            pass
        except Exception as error:
            if not self.seen:
                return None, f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
        sent = self.seen[0]
        headers = [[name, text_of(value)] for name, value in sent.headers.items()]
        if not any(name.lower() == "host" for name, _ in headers):
            headers.append(["Host", sent.url.split("/")[2]])
        body = base64.b64encode(body_bytes(sent)).decode()
        return {
            "method": sent.method, "url": sent.url, "headers": headers, "body_b64": body,
        }, None

    def expected(self, line, service, operation, parameters, place):
        asked = arn_region(service, parameters) or place[1]
        fips = self.options.fips
        region = self.truth.region(service, operation, place[0], fips, asked)
        partition = self.session.get_partition_for_region(region)
        known = self.truth.of(service, operation, parameters, (partition, region, ACCOUNT))
        foreign = self.options.endpoint is None and self.is_foreign(line["url"], partition)
        return {
            "service": service,
            "operation": operation,
            "region": region,
            "asked": asked,
            "partition": partition,
            "foreign": foreign,
            **known,
        }

    def is_foreign(self, url, partition):
        """Whether botocore knows no endpoint of the service in the partition and took another's."""
        resolver = self.session.get_component("endpoint_resolver")
        suffix = resolver.get_partition_dns_suffix(partition)
        labels = url.split("/")[2].split(":")[0].split(".")
        regions = set(self.session.get_available_regions("ec2", partition, True))
        if regions & set(labels) or "us-gov" in labels:
            return False
        others = ["amazonaws.com", "api.aws", "on.aws"]
        return partition != "aws" and (suffix in others or ".".join(labels).endswith(tuple(others)))


def arn_region(service, parameters):
    """S3 calls an access point where its ARN says."""
    bucket = parameters.get("Bucket")
    whole = service in ("s3", "s3control") and isinstance(bucket, str) and bucket.startswith("arn:")
    return bucket.split(":")[3] or None if whole else None


def cells(request):
    """Timestream tells its clients a host of the moment, which they ask for before any call."""
    host = request.url.split("/")[2].replace(".timestream.", "-cell2.timestream.")
    answer = {"Endpoints": [{"Address": host, "CachePeriodInMinutes": 1440}]}
    response = AWSResponse(request.url, 200, {}, None)
    response._content = json.dumps(answer).encode()
    return response


def zonal_session(request):
    """Directory buckets are called with keys of a session, which S3 clients ask for before."""
    answer = "".join(
        f"<{name}>{value}</{name}>"
        for name, value in (
            ("AccessKeyId", "ASIACORPUS0000000001"),
            ("SecretAccessKey", "corpus-session-secret"),
            ("SessionToken", "corpus-session"),
            ("Expiration", "2099-01-01T00:00:00Z"),
        )
    )
    answer = f"<CreateSessionResult><Credentials>{answer}</Credentials></CreateSessionResult>"
    response = AWSResponse(request.url, 200, {}, None)
    response._content = answer.encode()
    return response


def by_get(request, **_):
    """The query protocols take a call in the URL as well as in the body."""
    request.method = "GET"
    request.url = request.url + "?" + urlencode(request.data, quote_via=quote)
    request.data = b""
    del request.headers["Content-Type"]


def presigned(client, method, parameters):
    """What is signed in the URL, and carries no body; nothing where an operation has no such form."""
    model = client.meta.service_model
    http = model.operation_model(client.meta.method_to_api_mapping[method]).http["method"]
    # The query protocols then take the call in the URL.
    http = "GET" if model.resolved_protocol in ("query", "ec2") else http
    if http not in ("GET", "HEAD", "DELETE"):
        return None, None
    signed = []
    keep = lambda request, **_: signed.append(request)
    client.meta.events.register("before-sign", keep)
    try:
        url = client.generate_presigned_url(method, parameters)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
    finally:
        client.meta.events.unregister("before-sign", keep)
    if "X-Amz-Signature" not in url:
        return None, None
    # Headers that were signed must be sent with the URL.
    names = url.partition("X-Amz-SignedHeaders=")[2].partition("&")[0].split("%3B")
    headers = [["Host", url.split("/")[2]]]
    for name, value in signed[-1].headers.items():
        if name.lower() in names and name.lower() != "host":
            headers.append([name, text_of(value)])
    return {"method": http, "url": url, "headers": headers, "body_b64": ""}, None


def text_of(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def body_bytes(request):
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return body.read() if hasattr(body, "read") else bytes(body)


def other_region(region):
    return {"eu-west-1": "us-east-2"}.get(region, region)


def number_of(identifier):
    """A number that is the same each time."""
    return int(hashlib.sha256(identifier.encode()).hexdigest(), 16)


def options_of(parser, words):
    options = parser.parse_args(words)
    options.region = options.region or ["eu-west-1"]
    return options


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--bare", action="store_true", help="required members alone")
    parser.add_argument("--taste", choices=["plain", "arns", "odd"], default="plain")
    parser.add_argument("--region", action="append", help="one or several to take turns")
    parser.add_argument("--fips", action="store_true")
    parser.add_argument("--dual-stack", action="store_true")
    parser.add_argument("--endpoint", help="a custom endpoint, as AWS_ENDPOINT_URL sets it")
    parser.add_argument("--form", choices=["get", "presigned"], help="instead of the usual one")
    parser.add_argument("--protocol", help="one that the service declares and botocore does not choose")
    parser.add_argument("--bucket", help="{partition}, {region} and {account} stand for their own")
    parser.add_argument("--path-style", action="store_true", help="the bucket in the path")
    parser.add_argument("--no-sessions", action="store_true", help="S3 Express by the client's keys")
    parser.add_argument("--service", action="append")
    parser.add_argument("--sample", type=int, default=1, help="one of N operations")
    parser.add_argument("--part", type=int, default=0, help="which one")
    words, share, shares = sys.argv[1:], 0, 1
    if words[:1] == ["--share"]:
        share, shares = map(int, words[1].split("/"))
        words = words[2:]
    makings = [list(group) for between, group in groupby(words, "--and".__eq__) if not between]
    loader, truth = create_loader(), Truth()
    makers = [Maker(options_of(parser, words), loader, truth) for words in makings]
    with ExitStack() as files:
        outputs = [files.enter_context(opened(maker.options.output)) for maker in makers]
        for service in loader.list_available_services("service-2"):
            if number_of(service) % shares != share:
                continue
            for maker, output in zip(makers, outputs):
                if service not in (maker.options.service or [service]):
                    continue
                for line in maker.lines(service):
                    output.write(json.dumps(line, separators=(",", ":")) + "\n")


def opened(name):
    return (gzip.open if name.endswith(".gz") else open)(name, "wt", encoding="utf-8")


if __name__ == "__main__":
    main()
