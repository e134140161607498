"""Parameters for an operation, filled from its model.

Takes shapes; gives values that botocore accepts and that look like what people send: ids with the
prefix of their kind, ARNs where an ARN is asked for, and what else a member's pattern wants. Two
items of a list differ, and so do two members, so that a value found in the wrong place shows. The
same shape gives the same values every time.

Tastes:

| taste | text without a pattern |
| --- | --- |
| `plain` | `functionname-1` |
| `arns` | a name that can be given as an ARN is one, in another region and account |
| `odd` | letters of other alphabets, blanks, and characters that URLs, forms and XML escape |
"""

import functools
import hashlib
import re

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
DEPTH = 4
UUID = "0a1b2c3d-0000-4000-8000-0123456789a"
ODD = "ü名 +&=%2F<é>'\""

# Members of EC2 and its kin whose ids begin with the kind of thing that they name.
PREFIXES = {
    "instance": "i", "volume": "vol", "snapshot": "snap", "image": "ami", "vpc": "vpc",
    "subnet": "subnet", "securitygroup": "sg", "group": "sg", "networkinterface": "eni",
    "routetable": "rtb", "internetgateway": "igw", "natgateway": "nat", "vpnconnection": "vpn",
    "vpngateway": "vgw", "customergateway": "cgw", "networkacl": "acl", "allocation": "eipalloc",
    "association": "eipassoc", "launchtemplate": "lt", "transitgateway": "tgw",
    "transitgatewayattachment": "tgw-attach", "vpcendpoint": "vpce", "flowlog": "fl",
    "keypair": "key", "prefixlist": "pl", "dhcpoptions": "dopt", "fleet": "fleet",
    "capacityreservation": "cr", "host": "h", "vpcpeeringconnection": "pcx", "filesystem": "fs",
    "accesspoint": "fsap", "mounttarget": "fsmt", "resource": "i", "exportimagetask": "export-ami",
    "importtask": "import-ami", "spotfleetrequest": "sfr", "reservedinstances": "r",
}
IDS_OF = {"ec2", "efs", "autoscaling", "ssm", "elb", "rbin", "ebs", "dlm", "opsworks"}


LEFT_OUT = {
    # These send a call to an endpoint of many regions, signed by Signature Version 4A.
    ("events", "EndpointId"),
    ("sesv2", "EndpointId"),
    # The older form of `Events`: both are written as one element.
    ("s3", "Event"),
}


def shapes_in(shape):
    """The names of a shape, and of what it holds directly."""
    names = {shape.name}
    if shape.type_name == "list":
        names |= shapes_in(shape.member)
    if shape.type_name == "structure":
        for member in shape.members.values():
            names.add(member.name)
            if member.type_name == "list":
                names.add(member.member.name)
    return names


@functools.lru_cache(maxsize=None)
def compiled(pattern):
    try:
        return re.compile(pattern)
    except re.error:
        return None


class Values:
    """The values for one service in one place."""

    def __init__(self, service, prefix, place, full=True, taste="plain", names=None, bucket=None):
        self.service = service
        self.prefix = prefix
        self.partition, self.region, self.suffix = place
        self.bucket = bucket or "corpus-bucket"
        self.full = full
        self.taste = taste
        self.names = names or {}

    def of(self, operation_model):
        """The parameters of an operation."""
        shape = operation_model.input_shape
        self.whole = self.names.get((self.service, operation_model.name), {})
        self.around = []
        return self.structure(shape, 0, "", 1) if shape else {}

    def structure(self, shape, depth, path, number):
        members = {}
        union = getattr(shape, "is_tagged_union", False)
        for name, member in self.choice(shape, union):
            if is_stream_of_events(member) or (self.service, name) in LEFT_OUT:
                continue
            needed = name in shape.required_members
            if not needed and not union and (not self.full or depth >= DEPTH):
                continue
            at = f"{path}.{name}" if path else name
            self.around.append(shape.name)
            value = self.value(name, member, depth + 1, at, number)
            self.around.pop()
            if value is not None:
                members[name] = value
            if union and members:
                break
        return None if union and not members else members

    def choice(self, shape, union):
        """The members of a structure; those of a union that do not come back to it first."""
        members = list(shape.members.items())
        back = {shape.name, *self.around}
        if union:
            members.sort(key=lambda pair: bool(back & shapes_in(pair[1])))
        return members

    def value(self, name, shape, depth, path, number):
        kind = shape.type_name
        if depth > 12 and kind in ("structure", "list", "map"):
            return None
        if getattr(shape, "is_document_type", False):
            return {"a": [1, "b", None, True]}
        if kind == "structure":
            return self.structure(shape, depth, path, number)
        if kind == "list":
            return self.items(name, shape, depth, path)
        if kind == "map" and shape.serialization.get("location") == "headers":
            # Headers take no letters of other alphabets.
            return {f"{name.lower()}-key": f"{name.lower()}-{number}"}
        if kind == "map":
            key = self.text("key", shape.key, f"{path}{{key}}", 1)
            value = self.value(name, shape.value, depth + 1, f"{path}{{}}", 1)
            return None if value is None else {key: value}
        if kind == "string":
            return self.text(name, shape, path, number)
        if kind in ("integer", "long", "float", "double"):
            return amount(shape, number)
        if kind == "boolean":
            return True
        if kind == "timestamp":
            return 1750000000
        if kind == "blob":
            return b'{"b":1}' + b" " * max(0, shape.metadata.get("min", 0) - 7)
        return None

    def items(self, name, shape, depth, path):
        least = shape.metadata.get("min", 0)
        most = shape.metadata.get("max", 2)
        count = max(least, min(2, most)) if self.full else max(1, least)
        items = [
            self.value(name, shape.member, depth + 1, f"{path}[]", number)
            for number in range(1, count + 1)
        ]
        return None if None in items else items

    def text(self, name, shape, path, number):
        if name == "ChecksumAlgorithm":
            return "CRC32"
        if shape.enum:
            return shape.enum[number % len(shape.enum)] if self.full else shape.enum[0]
        serialized = shape.serialization
        if serialized.get("jsonvalue") and serialized.get("location") == "header":
            return {"a": 1}
        special = self.special(name, number)
        if special is not None:
            return special
        whole = self.whole.get(path)
        if self.taste == "arns" and whole is not None:
            arn = whole.replace("{}", f"{name.lower()}-{number}")
            return arn if fits(arn, shape) else self.fitting(name, shape, number)
        return self.fitting(name, shape, number)

    def special(self, name, number):
        """What the endpoint rules and serializers of a few services look into."""
        if name.lower().endswith("sha256"):
            return hashlib.sha256(b"bytes").hexdigest()
        if name == "CopySource":
            return f"source-bucket/source key {number}"
        if name == "Bucket" and self.service in ("s3", "s3control"):
            return self.bucket
        if name == "AccountId" and self.service == "s3control":
            return ACCOUNT
        if name == "QueueUrl":
            return f"https://sqs.{self.region}.{self.suffix}/{ACCOUNT}/corpus-queue"
        if name == "PredictEndpoint":
            return f"https://realtime.machinelearning.{self.region}.{self.suffix}"
        if name == "KvsARN":
            return f"arn:{self.partition}:cloudfront::{ACCOUNT}:key-value-store/{UUID}1"
        if self.service == "kinesis" and name.lower() in ("streamarn", "consumerarn", "resourcearn"):
            consumer = "/consumer/reader:1750000000" if name == "ConsumerARN" else ""
            stream = f"stream/orders-{number}{consumer}"
            return f"arn:{self.partition}:kinesis:{self.region}:{ACCOUNT}:{stream}"
        return None

    def fitting(self, name, shape, number):
        """The first of what could be meant that fits the member's pattern and length."""
        free = "pattern" not in shape.metadata and shape.serialization.get("location", "")[:6] != "header"
        candidates = self.candidates(name, number, free)
        text = next((text for text in candidates if fits(text, shape)), None)
        if text is not None:
            return text
        least, most = lengths(shape)
        return (candidates[0] + "x" * max(0, least - len(candidates[0])))[:most]

    def candidates(self, name, number, free):
        low = name.lower()
        stem = low.removesuffix("s").removesuffix("id")
        arns = [
            f"arn:{self.partition}:{self.prefix}:{self.region}:{ACCOUNT}:{rest}"
            for rest in (
                f"{stem.removesuffix('arn') or 'thing'}/{low}-{number}",
                f"{stem.removesuffix('arn') or 'thing'}:{low}-{number}",
                f"{low}-{number}",
                f"{stem.removesuffix('arn') or 'thing'}/{UUID}{number}",
            )
        ]
        if "role" in low:
            arns.insert(0, f"arn:{self.partition}:iam::{ACCOUNT}:role/{low}-{number}")
        if low.endswith(("kmskeyarn", "kmskeyid", "keyarn")):
            arns.insert(0, f"arn:{self.partition}:kms:{self.region}:{ACCOUNT}:key/{UUID}{number}")
        names = [f"{low}-{number}"]
        if self.taste == "odd" and free and not low.endswith(("arn", "region", "host")):
            names.insert(0, f"{low} {ODD}-{number}")
        if self.service in IDS_OF and low.rstrip("s").endswith("id") and stem in PREFIXES:
            names.insert(0, f"{PREFIXES[stem]}-0123456789abcde{number}0"[:40])
        rest = [
            f"{low}{number}", f"{UUID}{number}", f"{UUID}{number}".replace("-", ""), ACCOUNT,
            f"{number}", f"{name}{number}", f"{low}_{number}", "a" * 10 + f"{number}",
            "A" * 20 + f"{number}", f"10.0.{number}.0/24", f"https://example.com/{low}",
            f"{low}@example.com", f"{low}.example.com", self.region, f"/{low}/{number}",
            "2025-06-15T15:06:40Z", "{}", "vpc-0123456789abcdef0", "s3://corpus-bucket/a",
        ]
        if low.rstrip("s").endswith("arn"):
            return arns + names + rest
        return names + rest + arns


def fits(text, shape):
    pattern = compiled(shape.metadata["pattern"]) if "pattern" in shape.metadata else None
    least, most = lengths(shape)
    return least <= len(text) <= most and (pattern is None or pattern.search(text) is not None)


def lengths(shape):
    return shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)


def amount(shape, number):
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    value = max(6 + number, least)
    value = value if most is None else max(least, min(value, most))
    return int(value) if shape.type_name in ("integer", "long") else float(value)


def is_stream_of_events(shape):
    return bool(shape.serialization.get("eventstream"))
