"""A server for mail that others made (aiosmtpd), on this machine alone, which asks who leaves a
letter. Takes as whom and by what; says its port, and then each letter on a line of JSON."""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = (word.encode() for word in sys.argv[1:3])


def say(value):
    print(value, flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        letter = {
            "by": session.auth_data.decode(),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "text": envelope.content.decode(),
        }
        say("letter " + json.dumps(letter))
        return "250 taken"


def authenticate(server, session, envelope, mechanism, given):
    good = (given.login, given.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False, auth_data=given.login)


def server():
    return SMTP(
        Handler(),
        hostname="localhost",
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )


async def main():
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    say(f"port {listening.sockets[0].getsockname()[1]}")
    await listening.serve_forever()


asyncio.run(main())
