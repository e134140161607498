"""Does steps with boto3: takes a JSON list of them, gives a line of JSON for each.

Everything that boto3 needs to know is in the environment, as for any program.
"""

import json
import sys

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

clients = {}


def run(step):
    service = step["service"]
    client = clients.setdefault(service, boto3.client(service))
    call = getattr(client, botocore.xform_name(step["operation"]))
    try:
        answer = call(**step["parameters"])
        if "Body" in answer:
            answer["Body"].read()
        return {"ok": True}
    except ClientError as error:
        return {"ok": False, "code": error.response["Error"]["Code"], "message": str(error)}
    except BotoCoreError as error:
        return {"ok": False, "code": type(error).__name__, "message": str(error)}


for step in json.loads(sys.argv[1]):
    print(json.dumps(run(step)), flush=True)
