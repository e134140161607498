"""Does steps with boto3: takes a JSON list of them and the name of a profile or nothing, gives a
line of JSON for each, with the keys that it held.

Everything that boto3 needs to know is in the environment and its configuration, as for any program.
"""

import json
import sys

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

session = boto3.Session(profile_name=sys.argv[2] or None)
clients = {}


def run(step):
    service = step["service"]
    client = clients.setdefault(service, session.client(service))
    call = getattr(client, botocore.xform_name(step["operation"]))
    try:
        answer = call(**step["parameters"])
        if "Body" in answer:
            answer["Body"].read()
        held = session.get_credentials().get_frozen_credentials()
        return {"ok": True, "message": " ".join(filter(None, held))}
    except ClientError as error:
        return {"ok": False, "code": error.response["Error"]["Code"], "message": str(error)}
    except BotoCoreError as error:
        return {"ok": False, "code": type(error).__name__, "message": str(error)}


for step in json.loads(sys.argv[1]):
    print(json.dumps(run(step)), flush=True)
