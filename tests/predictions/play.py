"""Plays the rows of `table.py` against a cloud.

usage: play.py set ENDPOINT FOLDER    does the steps of each row; writes the last call of each, as botocore
                                      would send it to AWS, to FOLDER/calls.jsonl
       play.py make ENDPOINT FOLDER   makes those calls at the cloud

Both write a line of JSON for each row that did not work.
"""

import base64
import json
import pickle
import re
import sys
from pathlib import Path

import boto3
import botocore
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from table import POLICY, ROWS

REGION = "eu-central-1"
ACCOUNT = "111122223333"
KEYS = {"aws_access_key_id": "AKIACORDONEXAMPLE001", "aws_secret_access_key": "secret"}


class Stop(Exception):
    pass


class Cloud:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.clients = {}
        sts = boto3.client("sts", region_name=REGION, endpoint_url=endpoint, **KEYS)
        role = f"arn:aws:iam::{ACCOUNT}:role/player"
        given = sts.assume_role(RoleArn=role, RoleSessionName="player")["Credentials"]
        self.keys = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def client(self, service, endpoint, keys):
        known = (service, endpoint)
        if known not in self.clients:
            config = Config(retries={"max_attempts": 0}, read_timeout=300)
            self.clients[known] = boto3.client(service, region_name=REGION, endpoint_url=endpoint, config=config, **keys)
        return self.clients[known]

    def call(self, service, operation, parameters):
        client = self.client(service, self.endpoint, self.keys)
        return getattr(client, botocore.xform_name(operation))(**parameters)

    def request(self, service, operation, parameters):
        """The request that AWS would get; nothing is sent."""
        client = self.client(service, None, KEYS)
        seen = []

        def send(request, **_):
            seen.append(request)
            raise Stop()

        client.meta.events.register_first("before-send", send)
        try:
            getattr(client, botocore.xform_name(operation))(**parameters)
        except Stop:
            pass
        finally:
            client.meta.events.unregister("before-send", send)
        sent = seen[0]
        headers = [[name, text(value)] for name, value in sent.headers.items()]
        headers = [it for it in headers if it[0].lower() not in ("transfer-encoding", "expect")]
        headers.append(["Host", sent.url.split("/")[2]])
        body = sent.body if sent.body is not None else b""
        body = body.read() if hasattr(body, "read") else body
        body = body.encode() if isinstance(body, str) else body
        return {
            "id": f"{service} {operation}", "method": sent.method, "url": sent.url,
            "headers": headers, "body_b64": base64.b64encode(body).decode(),
        }


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def filled(value, names):
    if isinstance(value, str):
        # Documents have braces of their own.
        return re.sub(r"\{(\w+)\}", lambda it: names.get(it[1], it[0]), value)
    if isinstance(value, dict):
        return {key: filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, names) for inner in value]
    return value


def part(answer, path):
    for step in path.split("."):
        answer = answer[int(step)] if step.isdigit() else answer[step]
    return answer


def set_up(cloud, folder):
    arn = cloud.call("iam", "CreatePolicy", {"PolicyName": "read", "PolicyDocument": POLICY})["Policy"]["Arn"]
    calls = []
    with open(folder / "calls.jsonl", "w") as out:
        for number, steps in enumerate(ROWS):
            names = {"n": f"row-{number}", "account": ACCOUNT, "policy": arn}
            *before, (service, operation, parameters) = steps
            named = f"{service} {operation}"
            try:
                for of, what, given, kept in before:
                    answer = cloud.call(of, what, filled(given, names))
                    # A zone is named with its collection in answers, and without it in most calls.
                    parts = {name: part(answer, path) for name, path in kept.items()}
                    names.update({name: it.removeprefix("/hostedzone/") for name, it in parts.items()})
                parameters = filled(parameters, names)
                out.write(json.dumps(cloud.request(service, operation, parameters)) + "\n")
            except Exception as error:
                print(json.dumps({"row": named, "error": f"{type(error).__name__}: {error}"[:300]}))
                continue
            calls.append((service, operation, parameters))
    (folder / "calls.pickle").write_bytes(pickle.dumps(calls))


def make(cloud, folder):
    for service, operation, parameters in pickle.loads((folder / "calls.pickle").read_bytes()):
        try:
            cloud.call(service, operation, parameters)
        except Exception as error:
            print(json.dumps({"row": f"{service} {operation}", "error": f"{type(error).__name__}: {error}"[:300]}))


does, endpoint, folder = sys.argv[1:]
{"set": set_up, "make": make}[does](Cloud(endpoint), Path(folder))
