"""The requests of the scenarios, as botocore makes them.

Reads the `*.toml` beside it; writes `lines.jsonl`, one JSON object a line in the input format of
`cordon decide`, with `do` and `with` of the call in its `id`, which the runner compares, so that a
scenario and its request cannot part. Nothing is sent. What differs from run to run (dates,
signatures, idempotency tokens) is replaced by constants. Made with botocore 1.44.8.
"""

import base64
import json
import re
import sys
import tomllib
import uuid
from pathlib import Path

import botocore.session
from botocore.config import Config

HERE = Path(__file__).parent
DROPPED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "content-length", "expect"}
uuid.uuid4 = lambda: uuid.UUID(int=0x0C0FFEE0)


class Stop(Exception):
    pass


def header(name, value):
    value = value.decode() if isinstance(value, bytes) else str(value)
    if name.lower() == "x-amz-date":
        return "20260824T090000Z"
    value = re.sub(r"Signature=[0-9a-f]+", "Signature=" + "0" * 64, value)
    return re.sub(r"Credential=([^/]+)/\d{8}/", r"Credential=\1/20260824/", value)


def body_bytes(request):
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return body.read() if hasattr(body, "read") else bytes(body)


def line(session, identifier, call):
    service, operation = call["do"].split(":")
    client = session.create_client(
        service,
        region_name=call.get("region", "eu-west-1"),
        aws_access_key_id="AKIACORDONEXAMPLE001",
        aws_secret_access_key="a placeholder",
        config=Config(endpoint_discovery_enabled=False, retries={"max_attempts": 0}),
    )
    seen = []

    def send(request, **_):
        seen.append(request)
        raise Stop()

    client.meta.events.register_first("before-send", send)
    names = {value: key for key, value in client.meta.method_to_api_mapping.items()}
    try:
        getattr(client, names[operation])(**call.get("with", {}))
    except Stop:
        pass
    except Exception as error:
        print(f"{identifier} {call['do']}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    request = seen[0]
    headers = [[k, header(k, v)] for k, v in request.headers.items() if k.lower() not in DROPPED]
    if not any(k.lower() == "host" for k, _ in headers):
        headers.append(["Host", request.url.split("/")[2]])
    return {
        "id": {"call": identifier, "do": call["do"], "with": call.get("with", {})},
        "method": request.method,
        "url": request.url,
        "headers": headers,
        "body_b64": base64.b64encode(body_bytes(request)).decode(),
    }


def main():
    session = botocore.session.Session()
    written = []
    for path in sorted(HERE.glob("[0-9p]*.toml")):
        text = tomllib.loads(path.read_text())
        for kind in ("scenario", "twin"):
            for scenario in text.get(kind, []):
                for number, call in enumerate(scenario["call"], 1):
                    written.append(line(session, f"{scenario['id']}/{number}", call))
    if None in written:
        raise SystemExit(1)
    with open(HERE / "lines.jsonl", "w", encoding="utf-8") as output:
        for entry in written:
            output.write(json.dumps(entry, separators=(",", ":")) + "\n")


main()
