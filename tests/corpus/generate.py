"""Requests as botocore really makes them, for every operation of every service.

Takes nothing but the installed botocore; writes one JSON object a line in the input format of
`cordon classify`, with an `expect` member beside it. Parameters are filled from the models; the
serializers, endpoint rules and signer are botocore's own, and nothing is sent.

usage: generate.py OUTPUT [--full] [--service NAME] [--region REGION] [--fips] [--dual-stack]
                   [--endpoint URL] [--sample N]

OUTPUT is compressed where its name ends in `.gz`. Made with botocore 1.44.8.
"""

import argparse
import base64
import gzip
import hashlib
import json
import sys

import botocore.session
from botocore.config import Config

ACCOUNT = "111122223333"
DEPTH = 4


class Filler:
    """Values that pass botocore's validation and differ from member to member."""

    def __init__(self, full):
        self.full = full

    def structure(self, shape, depth):
        members = {}
        for name, member in shape.members.items():
            needed = name in shape.required_members
            if not needed and (not self.full or depth >= DEPTH):
                continue
            if member.serialization.get("eventstream") or getattr(member, "is_eventstream_type", False):
                continue
            value = self.value(name, member, depth + 1)
            if value is not None:
                members[name] = value
            if shape.is_tagged_union and members:
                break
        if shape.is_tagged_union and not members:
            name, member = next(iter(shape.members.items()))
            members[name] = self.value(name, member, depth + 1)
        return members

    def value(self, name, shape, depth):
        kind = shape.type_name
        if depth > 12:
            return None
        if getattr(shape, "is_document_type", False):
            return {"a": [1, "b", None, True]}
        if kind == "structure":
            return self.structure(shape, depth)
        if kind == "list":
            item = self.value(name, shape.member, depth + 1)
            return [item] * max(1, shape.metadata.get("min", 1)) if item is not None else []
        if kind == "map":
            key = shape.key.enum[0] if shape.key.enum else "key"
            value = self.value(name, shape.value, depth + 1)
            return {key: value} if value is not None else {}
        if kind == "string":
            return self.text(name, shape)
        if kind in ("integer", "long"):
            return max(7, shape.metadata.get("min", 0)) if "max" not in shape.metadata else shape.metadata.get("min", 0) or min(7, shape.metadata["max"])
        if kind in ("float", "double"):
            return float(shape.metadata.get("min", 0)) + 0.5
        if kind == "boolean":
            return True
        if kind == "timestamp":
            return 1750000000
        if kind == "blob":
            return b'{"b":1}' if name.lower() in ("payload",) else b"bytes"
        return None

    def text(self, name, shape):
        if shape.enum:
            return shape.enum[0]
        if name.lower().endswith("sha256"):
            return hashlib.sha256(b"bytes").hexdigest()
        if name == "Bucket":
            return "corpus-bucket"
        if name == "AccountId":
            return ACCOUNT
        if name == "CopySource":
            return "source-bucket/source key"
        if name == "QueueUrl":
            return f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/corpus-queue"
        if shape.metadata.get("jsonvalue") or shape.serialization.get("jsonvalue"):
            return {"a": 1}
        text = f"{name.lower()}-1"
        least = shape.metadata.get("min", 0)
        most = shape.metadata.get("max", 0)
        text = text + "x" * max(0, least - len(text))
        return text[:most] if most and most < len(text) else text


class Stop(Exception):
    pass


def body_bytes(request):
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return body.read()
    return bytes(body)


def lines(session, service, options):
    region = options.region
    model = session.get_service_model(service)
    client = session.create_client(
        service,
        region_name=region,
        aws_access_key_id="AKIACORPUS0000000001",
        aws_secret_access_key="corpus-secret",
        endpoint_url=options.endpoint,
        config=Config(
            endpoint_discovery_enabled=False,
            retries={"max_attempts": 0, "mode": "standard"},
            use_fips_endpoint=options.fips,
            use_dualstack_endpoint=options.dual_stack,
        ),
    )
    seen = []

    def send(request, **_):
        seen.append(request)
        raise Stop()

    client.meta.events.register_first("before-send", send)
    names = {value: key for key, value in client.meta.method_to_api_mapping.items()}
    for operation in model.operation_names:
        if not keep(f"{service}:{operation}", options.sample):
            continue
        shape = model.operation_model(operation).input_shape
        parameters = Filler(options.full).structure(shape, 0) if shape else {}
        seen.clear()
        try:
            getattr(client, names[operation])(**parameters)
        except Stop:
            pass
        except Exception as error:
            if not seen:
                print(f"{service}:{operation}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
                continue
        request = seen[0]
        headers = [[k, v.decode() if isinstance(v, bytes) else str(v)] for k, v in request.headers.items()]
        if not any(k.lower() == "host" for k, _ in headers):
            headers.append(["Host", request.url.split("/")[2]])
        yield {
            "id": f"{service}:{operation}",
            "method": request.method,
            "url": request.url,
            "headers": headers,
            "body_b64": base64.b64encode(body_bytes(request)).decode(),
            "expect": {
                "service": service,
                "operation": operation,
                "region": scope_region(headers) or region,
                "partition": session.get_partition_for_region(region),
                "foreign": options.endpoint is None and is_foreign(region, request.url),
            },
        }


def scope_region(headers):
    """The region that botocore signed for: that of a service without regions is its own."""
    signed = [value for name, value in headers if name.lower() == "authorization"]
    scope = signed[0].partition("Credential=")[2].split("/") if signed else []
    return scope[2] if len(scope) > 4 and "*" not in scope[2] else None


def is_foreign(region, url):
    """Whether botocore knows no endpoint of the service in this partition and took another's."""
    host = url.split("/")[2]
    if region.startswith("cn-"):
        return not host.endswith(".cn")
    return region.startswith("us-gov-") and "us-gov" not in host


def keep(identifier, every):
    """One of `every` operations, the same ones each time."""
    return int(hashlib.sha256(identifier.encode()).hexdigest(), 16) % every == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--full", action="store_true", help="fill optional members too")
    parser.add_argument("--service", action="append")
    parser.add_argument("--region", default="eu-west-1")
    parser.add_argument("--fips", action="store_true")
    parser.add_argument("--dual-stack", action="store_true")
    parser.add_argument("--endpoint", help="a custom endpoint, as AWS_ENDPOINT_URL sets it")
    parser.add_argument("--sample", type=int, default=1, help="one of N operations")
    options = parser.parse_args()
    session = botocore.session.Session()
    session.set_config_variable("region", options.region)
    opened = gzip.open if options.output.endswith(".gz") else open
    with opened(options.output, "wt", encoding="utf-8") as output:
        for service in options.service or session.get_available_services():
            try:
                for line in lines(session, service, options):
                    output.write(json.dumps(line, separators=(",", ":")) + "\n")
            except Exception as error:
                print(f"{service}: {type(error).__name__}: {error}", file=sys.stderr)


main()
