"""Requests as they travel, right ones and wrong ones."""

import re
import socket
from collections.abc import Iterator

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
# Nothing that is posted here takes a server as long.
_SECONDS = 60
_CHUNK = 1000


def send(
    address: tuple[str, int],
    path: str,
    headers: dict[str, bytes],
    body: bytes,
    frame: str = "length",
) -> int | None:
    """Post something; return the status of the answer, None if there was none.

    :param frame: how the body is sent, see ``posts.py``
    :raise TimeoutError: the server still thinks about it
    """
    with socket.create_connection(address, _SECONDS) as connection:
        try:
            for piece in _pieces(path, headers, body, frame):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            # It has answered before it was told everything.
            pass
        return _status(connection)


def begin(
    address: tuple[str, int], path: str, headers: dict[str, bytes], length: int
) -> socket.socket:
    """Open a connection, announce a body, and leave it at that."""
    connection = socket.create_connection(address, _SECONDS)
    length_header = {"Content-Length": str(length).encode()}
    connection.sendall(_head(path, {**headers, **length_header}))
    return connection


def _pieces(path, headers, body, frame) -> Iterator[bytes]:
    if frame in ("chunked", "broken chunks"):
        yield _head(path, {**headers, "Transfer-Encoding": b"chunked"})
        for start in range(0, len(body), _CHUNK):
            chunk = body[start : start + _CHUNK]
            yield b"%x\r\n%s\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n" if frame == "chunked" else b"zz\r\n-5\r\n"
        return
    said = {"cut off": len(body) + 10, "longer": len(body) // 2}.get(frame, len(body))
    yield _head(path, {**headers, "Content-Length": str(said).encode()})
    yield body


def _head(path: str, headers: dict[str, bytes]) -> bytes:
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close"]
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _status(connection: socket.socket) -> int | None:
    answer = b""
    try:
        while data := connection.recv(65536):
            answer += data
    except ConnectionError:
        pass
    found = _STATUS.match(answer)
    return int(found[1]) if found else None
