"""A mail server (RFC 5321) for Odoo's own way of sending."""

import asyncio
import random
import re

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"


class SmtpSink:
    """Takes mail for everybody; keeps who got which message.

    MAIL, RCPT, DATA and the end of the message wait: the four round trips of a mail
    with one recipient.

    :param delay: seconds that each of these replies waits
    :param refusing: probability that a recipient is refused for now (451)
    :param losing: probability that the connection is closed when a mail was taken
    :param seed: of these chances
    """

    def __init__(
        self,
        delay: float = 0.0,
        refusing: float = 0.0,
        losing: float = 0.0,
        seed: int = 0,
    ):
        self.taken: list[tuple[str, list[str]]] = []
        self.refused = self.lost = 0
        self._delay = delay
        self._refusing = refusing
        self._losing = losing
        self._chance = random.Random(seed)

    def misbehave(self, refusing: float, losing: float) -> None:
        """Refuse and lose so many from now on."""
        self._refusing, self._losing = refusing, losing

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        """Answer one connection."""
        writer.write(b"220 sink.test\r\n")
        recipients: list[str] = []
        while line := await reader.readline():
            verb = line[:4].strip().upper()
            if verb in (b"MAIL", b"RCPT", b"DATA"):
                await asyncio.sleep(self._delay)
            if verb == b"QUIT":
                writer.write(b"221 Bye\r\n")
                return
            if verb == b"MAIL":
                recipients = []
            if verb == b"RCPT" and self._happens(self._refusing):
                self.refused += 1
                writer.write(b"451 4.3.0 Try again later\r\n")
            elif verb == b"RCPT":
                recipients.append(_address(line))
                writer.write(b"250 OK\r\n")
            elif verb == b"DATA":
                writer.write(b"354 Go ahead\r\n")
                if not await self._take(reader, writer, recipients):
                    return
            else:
                writer.write(b"250 OK\r\n")

    async def _take(self, reader, writer, recipients: list[str]) -> bool:
        """Take a message; tell whether the connection is still there."""
        text = await reader.readuntil(_END)
        await asyncio.sleep(self._delay)
        found = _MESSAGE_ID.search(text)
        self.taken.append((found[1].decode() if found else "", recipients))
        if self._happens(self._losing):
            self.lost += 1
            writer.transport.abort()
            return False
        writer.write(b"250 OK\r\n")
        return True

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability


def _address(line: bytes) -> str:
    return line.decode().partition("<")[2].partition(">")[0].lower()
