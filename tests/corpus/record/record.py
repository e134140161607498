"""Writes down what AWS clients send, in the input format of `cordon classify`.

Takes the name of a client (`javascript`, `rust` or `aws-cli-v2`) and a file to write. Nothing
reaches AWS: an HTTPS proxy on loopback has a certificate for every host, writes each request down
and answers with an error. The client's program prints one line a call, `service:Operation`, and
makes one request for each; both together give the ids (`s3:PutObject/3`).

usage: record.py javascript|rust|aws-cli-v2 OUTPUT

Needs: the Python of `cargo xtask test`; for JavaScript `npm ci` in `tests/clients/node` and NODE;
for Rust `cargo`; for the CLI AWS_CLI_V2. Their versions are in `tests/corpus/recorded/README.md`.
"""

import base64
import datetime
import functools
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent


class Authority:
    """A certificate authority of the moment, and certificates of hosts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corpus recorder")])
        own = self.certificate(self.name, self.key, x509.BasicConstraints(True, 0), None)
        self.path = self.folder / "authority.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def certificate(self, name, key, constraints, host):
        start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=1))
            .add_extension(constraints, critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    @functools.lru_cache(maxsize=None)
    def context(self, host):
        """What a server called `host` speaks TLS with."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corpus")])
        made = self.certificate(name, key, x509.BasicConstraints(False, None), host)
        path = self.folder / f"{host}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class Recorder:
    """The proxy. `requests` is what came, in order."""

    def __init__(self, authority):
        self.authority = authority
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        method, target, _ = head(stream)
        if method != "CONNECT":
            return
        host = target.rsplit(":", 1)[0]
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        secure = self.authority.context(host).wrap_socket(connection, server_side=True)
        stream = secure.makefile("rb")
        while True:
            asked = head(stream)
            if asked is None:
                return
            method, target, headers = asked
            lower = {name.lower(): value for name, value in headers}
            if lower.get("expect", "").lower() == "100-continue":
                secure.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = content(stream, lower)
            self.requests.append(
                {
                    "method": method,
                    "url": f"https://{host}{target}",
                    "headers": [[name, value] for name, value in headers],
                    "body_b64": base64.b64encode(body).decode(),
                }
            )
            secure.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def head(stream):
    line = stream.readline().decode("latin-1").strip()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers = []
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return method, target, headers


def content(stream, headers):
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return stream.read(int(headers.get("content-length", 0)))
    body = b""
    while size := int(stream.readline().split(b";")[0], 16):
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body


def commands(client):
    """What makes the calls; each prints a line a call, unless the line is known already."""
    if client == "javascript":
        return [(None, [os.environ.get("NODE", "node"), str(HERE / "javascript.mjs")])]
    if client == "rust":
        manifest = str(HERE / "rust" / "Cargo.toml")
        return [(None, ["cargo", "run", "--quiet", "--locked", "--manifest-path", manifest])]
    if client == "aws-cli-v2":
        lines = (HERE / "aws-cli-v2.txt").read_text(encoding="utf-8").splitlines()
        found = [line.split("\t") for line in lines if line and not line.startswith("#")]
        aws = os.environ["AWS_CLI_V2"]
        return [(name, [aws, *json.loads(words)]) for name, words in found]
    raise SystemExit(__doc__)


def main(client, output):
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(folder)
        recorder = Recorder(authority)
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "CARGO_TARGET_DIR") if name in os.environ}
        environment |= {
            "AWS_ACCESS_KEY_ID": "AKIACORPUS0000000001",
            "AWS_SECRET_ACCESS_KEY": "corpus-secret",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_CA_BUNDLE": str(authority.path),
            "NODE_EXTRA_CA_CERTS": str(authority.path),
            "HTTPS_PROXY": recorder.url,
        }
        names = []
        for name, words in commands(client):
            done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            names += [name] if name else done.stdout.split()
            if len(names) != len(recorder.requests):
                raise SystemExit(f"{words}: {len(recorder.requests)} requests for {len(names)} calls\n{done.stderr}")
    with open(output, "w", encoding="utf-8") as file:
        for number, (name, request) in enumerate(zip(names, recorder.requests), 1):
            line = {"id": f"{name}/{number}", **request}
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
