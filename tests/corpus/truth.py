"""What is known of operations from elsewhere than Cordon's own catalog.

Takes the parameters of a call; gives the IAM actions that it needs, those that it may need besides,
the ARNs that it names and whether it destroys. `truth/*.tsv` hold facts of AWS's own tables and of
public maps of them, read by people, with `corrected.tsv` where they are wrong; their notation and this reading of it share nothing with the
catalog's, so that an error in one shows as a difference.

A path steps through members by `.`; `[]` is every item of a list, `{}` every value and `{key}`
every key of a map. In a template `{Path}` is the parameter, `{@Path}` one that is a whole ARN,
`{Path|re:/../g}` the first group, `{Path|map:A=x;B=y}` a word for a word, `{A||B}` one of several.
"""

import csv
import gzip
import re
from pathlib import Path
from urllib.parse import quote

FOLDER = Path(__file__).parent / "truth"


def rows(name):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(FOLDER / name, "rt", encoding="utf-8", newline="") as text:
        lines = (line for line in text if not line.startswith("#"))
        yield from csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)


def global_rows():
    text = (FOLDER.parent / "global.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            yield dict(zip(("service", "operations", "partition", "region"), line.split("\t")))


class Truth:
    def __init__(self):
        self.operations = {(r["service"], r["operation"]): r for r in rows("operations.tsv.gz")}
        self.conditions = {}
        for row in rows("conditions.tsv"):
            self.conditions.setdefault((row["service"], row["operation"]), []).append(row)
        self.templates = {}
        for row in rows("resources.tsv.gz"):
            self.templates.setdefault((row["service"], row["operation"]), []).append(row)
        self.patterns = {}
        for row in rows("types.tsv.gz"):
            self.patterns.setdefault(row["action"], []).append(row["pattern"])
        self.correct()
        self.regions = {(row["service"], row["partition"]): row for row in global_rows()}

    def correct(self):
        """Where the tables are wrong, `corrected.tsv` says so with the reason."""
        for row in rows("corrected.tsv"):
            key = (row["service"], row["operation"])
            known = self.templates.setdefault(key, [])
            if row["change"] == "+":
                known.append(row)
                continue
            wrong = [old for old in known if row["action"] == old["action"]]
            wrong = [old for old in wrong if row["template"] in ("*", old["template"])]
            if not wrong:
                raise ValueError(f"corrected.tsv: {row} changes nothing")
            for old in wrong:
                known.remove(old)

    def region(self, service, operation, partition, fips, asked):
        """Where an operation is called by a client that is set to `asked`."""
        row = self.regions.get((service, partition), {"operations": "", "region": asked})
        if fips:
            row = self.regions.get((service, f"{partition} fips"), row)
        only = row["operations"] == "*" or operation in row["operations"].split(",")
        return row["region"] if only and row["region"] != "asked" else asked

    def prefix(self, service):
        """What the service's actions begin with."""
        first = next((r for (of, _), r in self.operations.items() if of == service), None)
        return first["actions"].split(":")[0] if first else ""

    def names(self, service, partition, region, account):
        """Parameters that may be ARNs instead of names: the ARN, with `{}` for the name."""
        found = {}
        for key in (key for key in self.templates if key[0] == service):
            texts = [located(r["template"], partition, region, account) for r in self.templates[key]]
            parts = [re.findall(r"\{(.*?)\}", text) for text in texts]
            # In a longer ARN that other parameters fill as well a whole one has no place.
            longer = {part for several in parts if len(several) > 1 for part in several}
            for text, (part, *rest) in zip(texts, [p or [""] for p in parts]):
                plain = part and not rest and part not in longer and not set("|@") & set(part)
                if plain:
                    whole = text.replace("{" + part + "}", "{}").replace("*", "x")
                    found.setdefault(key, {}).setdefault(part, whole)
        return found

    def of(self, service, operation, parameters, place):
        """What is expected of a call; members that are not known are left out."""
        key = (service, operation)
        known = self.operations.get(key)
        # Directory buckets have actions and resources of their own, which the tables do not know.
        if known is None or str(parameters.get("Bucket")).endswith("--x-s3"):
            return {}
        actions, more = list_of(known["actions"]), set(list_of(known["more"]))
        for row in self.conditions.get(key, ()):
            holds = test(row["test"], row["value"], values(parameters, row["param"]))
            if holds and row["effect"].startswith("swap:"):
                actions = [a for a in actions if a != row["effect"].removeprefix("swap:")]
            if holds and row["action"] not in actions:
                actions.append(row["action"])
        # Who gives a service a role must be allowed to pass that role.
        passed = set(roles(parameters)) if PASS_ROLE in (*actions, *more) else set()
        if passed and PASS_ROLE not in actions:
            actions.append(PASS_ROLE)
        # Who creates with tags must be allowed to tag, whatever the tables say:
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        if service == "ec2" and parameters.get("TagSpecifications") and CREATE_TAGS not in actions:
            actions.append(CREATE_TAGS)
        named = {role for role in passed if ROLE.match(role)}
        for row in self.templates.get(key, ()):
            if row["action"] in actions:
                named |= set(fill(row["template"], parameters, place))
        open_ones = {
            located(pattern, *place) for action in actions for pattern in self.patterns.get(action, ())
        }
        found = {"resources": sorted(named - open_ones), "open": sorted(open_ones)}
        if known["actions"]:
            found |= {"actions": sorted(actions), "more": sorted(more)}
        if known["destroys"]:
            found["destroys"] = True
        return found


def roles(value, name=""):
    """The roles that parameters hand on, wherever they stand."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key == PROFILE and isinstance(inside, dict) and inside:
                yield key
            elif key not in NO_ROLES:
                # A map of roles has keys of its own.
                yield from roles(inside, name if MAP_OF_ROLES.search(name) else key)
    elif isinstance(value, list):
        for inside in value:
            yield from roles(inside, name)
    elif isinstance(value, str) and (ROLE.match(value) or PASSES.search(name)):
        yield value


PASSES = re.compile(r"(?i:roles?|rolearns?|roleoverride|instanceprofile(arn|name)?)$")
# What is called a role and is none: a word from a list, or a finding about a role.
NO_ROLES = {"InstanceRole", "UserRole", "resourceIdentifier"}
PROFILE = "IamInstanceProfile"
MAP_OF_ROLES = re.compile(r"^Roles$")
PASS_ROLE = "iam:PassRole"
CREATE_TAGS = "ec2:CreateTags"
ROLE = re.compile(r"arn:[^:]+:iam::[0-9]*:role/")


def list_of(cell):
    return [word for word in cell.split(",") if word]


def test(kind, wanted, found):
    texts = [v for v in found if isinstance(v, str)]
    if kind == "exists":
        return bool(found)
    if kind == "true":
        return True in found
    if kind == "contains":
        return any(wanted in text for text in texts)
    if kind == "differs":
        return any(text != wanted for text in texts)
    return any(text.lstrip().lower().startswith(wanted.lower()) for text in texts)


def values(parameters, path):
    return [value for value, _ in walk(parameters, path, ())]


STEP = re.compile(r"\.?([^.\[\]{}]+)|(\[\])|(\{key\})|(\{\})")


def walk(value, path, place):
    """Every value at a path, with the items of lists that led to it."""
    match = STEP.match(path)
    if not match:
        return [(value, place)] if value is not None and not path else []
    rest = path[match.end():]
    member, item, key, _ = match.groups()
    if member:
        inside = value.get(member) if isinstance(value, dict) else None
        return [] if inside is None else walk(inside, rest, place)
    if item:
        inner = enumerate(value) if isinstance(value, list) else ()
    else:
        inner = value.items() if isinstance(value, dict) else ()
    found = []
    for step, inside in inner:
        inside = step if key else inside
        found += walk(inside, rest, (*place, (path, len(place), step)))
    return found


def located(template, partition, region, account):
    return (
        template.replace("${Partition}", partition)
        .replace("${Region}", region)
        .replace("${Account}", account)
    )


def braces(text):
    """The first part in braces that are not of a path: its start and end."""
    start = text.find("{")
    depth = 0
    for at in range(start, len(text)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return start, at + 1
    return None


def fill(template, parameters, place):
    """Every ARN that a template names. One with a part that the call leaves open names none."""
    forms = template.split(", arn:")
    # Of two generations of a service, with a comma between them, the one that has parameters.
    forms = [form if form.startswith(("arn:", "{")) else f"arn:{form}" for form in forms]
    several = [form for form in forms if "{" in form.replace("${", "")] or forms[:1]
    return [
        arn for form in several for arn, _ in expand(located(form, *place), parameters, {})
    ]


def expand(text, parameters, chosen):
    span = braces(text)
    if span is None:
        return [(text, chosen)]
    start, end = span
    inside = text[start + 1:end - 1]
    found = []
    for value, items in parameter(inside, parameters):
        # Two paths through one list go in step.
        here = {(path_of(inside), depth): step for (_, depth, step) in items}
        if any(chosen.get(k, v) != v for k, v in here.items()):
            continue
        if inside.startswith("@") or value.startswith("arn:"):
            if value.startswith("arn:") and inside == "Bucket" and text[end:]:
                # An object behind an access point.
                for tail, then in expand(text[end:], parameters, {**chosen, **here}):
                    found.append((f"{value}/object{tail}", then))
            elif value.startswith("arn:"):
                found.append((value, chosen))
            continue
        found += expand_rest(text, start, end, value, parameters, {**chosen, **here})
    return found


def expand_rest(text, start, end, value, parameters, chosen):
    # The value may hold braces of its own: what follows it is filled apart.
    return [
        (text[:start] + value + tail, then)
        for tail, then in expand(text[end:], parameters, chosen)
    ]


def path_of(inside):
    return re.split(r"\[\]|\{", inside.lstrip("@"))[0]


def parameter(inside, parameters):
    """The texts of a part in braces, with the items that they are of."""
    marks = inside.lstrip("@").replace("||", "\0").split("|", 1)
    change = marks[1] if len(marks) > 1 else ""
    for path in marks[0].split("\0"):
        for value, items in walk(parameters, path, ()):
            text = str(value) if isinstance(value, (str, int)) else None
            text = changed(text, change) if text else None
            if text:
                yield text, items


def changed(text, change):
    kind, _, rest = change.partition(":")
    if kind == "re":
        pattern = rest.strip().removeprefix("/").removesuffix("g").removesuffix("/")
        match = re.search(pattern, text)
        return match.group(1) if match else None
    if kind == "map":
        return dict(pair.split("=") for pair in rest.split(";")).get(text)
    if kind == "urlencode":
        return quote(text, safe="")
    return text
