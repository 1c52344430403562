"""The local Mailgun as a process beside Odoo."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from . import odoo_run, paths, processes
from .ports import HOST, free_port
from .sandbox_client import SandboxClient
from .steps import StepFailed

PORT = 8126
_SECONDS = 30


@contextlib.contextmanager
def running(name: str, *options: str) -> Iterator[SandboxClient]:
    """Run it while the context lasts.

    :param name: of its log
    :param options: of ``dev/sandbox``
    :raise StepFailed: it does not start
    """
    port = free_port(PORT)
    log = paths.log_file(name)
    command = [sys.executable, "-m", "mailgun_sandbox", "--host", HOST]
    env = {**os.environ, "PYTHONPATH": str(paths.DEV)}
    with processes.background(
        [*command, "--port", str(port), *options], env, log
    ) as process:
        client = SandboxClient(f"http://{HOST}:{port}")
        deadline = time.monotonic() + _SECONDS
        while not client.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise StepFailed(
                    f"the local Mailgun does not start; {log}:\n{odoo_run.tail(log)}"
                )
            time.sleep(0.1)
        yield client
