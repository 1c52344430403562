"""Parts of a mail, put together with one copy of what is in them (RFC 2045, RFC 2046).

Python's package makes seven of each attachment, and takes another boundary each time:
the same parts have to give the same bytes here, by which a mail without a Message-Id is
known.
"""

import base64
import email.policy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message

_POLICY = email.policy.compat32.clone(linesep="\r\n")
# Bytes that are encoded at a time: whole lines of base64, each of 57.
_STEP = 57 * 1024


@dataclass(frozen=True)
class Leaf:
    """A part with content, which is written in base64.

    :param head: its headers, but for the encoding
    :param content: its bytes
    """

    head: Message
    content: bytes | memoryview


@dataclass(frozen=True)
class Container:
    """A part that is made of others.

    :param kind: "mixed", "related" or "alternative"; nothing in it is of the same
    """

    kind: str
    parts: "Sequence[Leaf | Container]"


def contain(kind: str, parts: "Sequence[Leaf | Container]") -> Leaf | Container | None:
    """Return what holds these parts: the only one itself; None when there is none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    return Container(kind, parts)


def size_of(part: Leaf | Container) -> int:
    """Return about how many bytes a part will have, rather too many."""
    if isinstance(part, Leaf):
        return len(part.content) // 57 * 78 + 1000
    return sum(size_of(one) + 100 for one in part.parts)


def write(part: Leaf | Container) -> Iterator[bytes]:
    """Yield a part with all that is in it, piece by piece."""
    if isinstance(part, Leaf):
        part.head["Content-Transfer-Encoding"] = "base64"
        yield part.head.as_bytes(policy=_POLICY)
        for start in range(0, len(part.content), _STEP):
            lines = base64.encodebytes(part.content[start : start + _STEP])
            yield lines.replace(b"\n", b"\r\n")
        return
    # A line of base64 has no underscore.
    boundary = f"=_{part.kind}"
    yield f'Content-Type: multipart/{part.kind}; boundary="{boundary}"\r\n'.encode()
    for one in part.parts:
        yield f"\r\n--{boundary}\r\n".encode()
        yield from write(one)
    yield f"\r\n--{boundary}--\r\n".encode()
