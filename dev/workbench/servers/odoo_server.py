"""Odoo serving one database, at one address for all its lives."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import requests

from ..machine import paths, processes
from ..machine.ports import HOST
from ..machine.steps import StepFailed, Steps
from . import odoo, odoo_run

_SECONDS = 120


class OdooServer:
    """A server that can be killed and started again.

    :param env: of the process
    :param name: of its log
    :param url: where it answers
    :param arguments: for Odoo
    """

    def __init__(self, env: dict[str, str], name: str, url: str, *arguments: str):
        self.url = url
        self.log = paths.log_file(name)
        self._env = env
        self._arguments = arguments
        self._life = contextlib.ExitStack()
        self._process: subprocess.Popen | None = None

    def start(self, steps: Steps) -> None:
        """Start it and wait until it answers.

        :raise StepFailed: when it does not
        """
        self._process = self._life.enter_context(
            processes.background(odoo.command(*self._arguments), self._env, self.log)
        )
        steps.wait_for("Odoo", self._answers, timeout=_SECONDS)

    def kill(self) -> None:
        """End it and its workers at once, whatever they are doing."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._life.close()

    @property
    def pid(self) -> int:
        """Return the id of its process, the first one if it has workers."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Tell whether it ended by itself."""
        return self._process.poll() is not None

    def end(self, patience: float) -> float:
        """Ask it to end, as a service manager does; return the seconds it took.

        :raise StepFailed: it did not end within ``patience`` seconds
        """
        asked = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise StepFailed(f"it did not end within {patience:.0f} s") from None
        seconds = time.monotonic() - asked
        self._life.close()
        return seconds

    def stop(self) -> None:
        """End it as an operator would."""
        self._life.close()

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._process.wait()

    def _answers(self) -> bool:
        if self.has_ended():
            raise StepFailed(
                f"it ended with {self._process.returncode}; {self.log}:\n"
                f"{odoo_run.tail(self.log)}"
            )
        session = requests.Session()
        session.trust_env = False
        try:
            return session.get(f"{self.url}/web/login", timeout=60).ok
        except requests.ConnectionError:
            return False


@contextlib.contextmanager
def running(
    steps: Steps,
    postgres_env: dict[str, str],
    port: int,
    mailgun_url: str,
    name: str,
    *arguments: str,
    **variables: str,
) -> Iterator[OdooServer]:
    """Run Odoo while the context lasts.

    :param mailgun_url: where Mailgun's API is
    :param name: of its log
    :param arguments: for Odoo
    :param variables: of its environment, besides what it needs
    :raise StepFailed: when it does not start
    """
    env = {**odoo.environment(postgres_env, odoo.DATABASE, port), **variables}
    env["MAILGUN_API_URL"] = mailgun_url
    # A proxy for the outside world has no business between two local processes.
    env["NO_PROXY"] = env["no_proxy"] = HOST
    server = OdooServer(env, name, f"http://{HOST}:{port}", *arguments)
    try:
        server.start(steps)
        steps.say(f"Odoo answers at {server.url}")
        yield server
    finally:
        server.stop()
