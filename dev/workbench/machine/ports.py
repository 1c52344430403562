"""Free TCP ports of this machine."""

import socket

HOST = "127.0.0.1"


def free_port(*preferred: int) -> int:
    """Return the first of the preferred ports that is free, else any free one."""
    for port in (*preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no TCP port is free on this machine")
