"""The local Mailgun as a process beside Odoo."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from ..machine import paths, processes
from ..machine.ports import HOST, free_port
from ..machine.steps import StepFailed
from . import odoo_run
from .sandbox_client import SandboxClient

PORT = 8126
_SECONDS = 30


@contextlib.contextmanager
def running(name: str, *options: str, port: int = 0) -> Iterator[SandboxClient]:
    """Run it while the context lasts.

    :param name: of its log
    :param options: of ``dev/sandbox``
    :param port: to be preferred; 0 = any, for runs that may go on side by side
    :raise StepFailed: it does not start
    """
    log = paths.log_file(name)
    # Written once the port is open: what answers there is ours and no other run's.
    told = log.with_suffix(".port")
    told.unlink(missing_ok=True)
    chosen = free_port(port) if port else 0
    command = [sys.executable, "-m", "mailgun_sandbox", "--host", HOST]
    command += ["--port", str(chosen), "--port-file", str(told), *options]
    env = {**os.environ, "PYTHONPATH": str(paths.DEV)}
    with processes.background(command, env, log) as process:
        deadline = time.monotonic() + _SECONDS
        while not (told.exists() and told.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StepFailed(
                    f"the local Mailgun does not start; {log}:\n{odoo_run.tail(log)}"
                )
            time.sleep(0.1)
        yield SandboxClient(f"http://{HOST}:{told.read_text()}")
