"""Mailgun's ``messages.mime`` and nothing else, for measuring.

The local Mailgun takes a message apart and writes its events: 3 ms of a processor for
each, an eighth of what Odoo needs to send one. This takes a twentieth of that, as the
mail server next to it does.
"""

import asyncio
import re

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"\r\nmessage-id:\s*(<[^<>\s]+>)", re.IGNORECASE)
_ANSWER = b'{"id": "%s", "message": "Queued. Thank you."}'
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class HttpSink:
    """Takes every message, and answers with its Message-Id as Mailgun does.

    :param delay: seconds that each answer waits
    """

    def __init__(self, delay: float = 0.0):
        self.taken = 0
        self._delay = delay

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """Answer one connection, as many requests as come."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(_LENGTH.search(head)[1]))
            await asyncio.sleep(self._delay)
            self.taken += 1
            answer = _ANSWER % _MESSAGE_ID.search(body)[1]
            writer.write(_HEAD % len(answer) + answer)
