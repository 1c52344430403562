"""Odoo on the lab's database: started, ended, and asked to run code."""

import contextlib
import itertools
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ..machine.ports import HOST, free_port
from ..machine.steps import Steps
from ..servers import odoo
from ..servers.odoo_server import OdooServer
from ..servers.web_client import WebClient
from .lab_database import LabDatabase


class LabOdoo(LabDatabase):
    """An Odoo that is started again and again, in whatever way, at one address.

    :param steps: gives signs of life
    :param mailgun_url: where Mailgun's API is
    """

    def __init__(
        self,
        steps: Steps,
        postgres_env: dict[str, str],
        database: str,
        mailgun_url: str,
    ):
        super().__init__(postgres_env, database)
        self.steps = steps
        self.url = f"http://{HOST}:{free_port(odoo.PORT)}"
        self.odoo: OdooServer | None = None
        # Of the environment, besides what Odoo needs.
        self.variables: dict[str, str] = {}
        self.logs: list[Path] = []
        self._mailgun_url = mailgun_url
        self._arguments: tuple[str, ...] = ()
        self._actions: dict[str, list[int]] = {}
        self._starts = itertools.count(1)

    def server(self, name: str, url: str, *arguments: str) -> OdooServer:
        """Return an Odoo on the database that is not started yet.

        :param url: where it is going to answer
        :param arguments: how it is to run
        """
        port = url.rpartition(":")[2]
        env = odoo.environment(self.postgres_env, self.database, int(port))
        env["MAILGUN_API_URL"] = self._mailgun_url
        # A proxy for the outside world has no business between two local processes.
        env["NO_PROXY"] = env["no_proxy"] = HOST
        env.update(self.variables)
        # Two servers of one database share a file of settings.
        arguments = ("--http-port", port, *arguments)
        server = OdooServer(env, f"server-{name}", url, *arguments)
        self.logs.append(server.log)
        return server

    def start(self, *arguments: str) -> None:
        """Run Odoo in this way from now on; it has a log of its own."""
        self.stop()
        self._arguments = arguments
        self.odoo = self.server(f"odoo-{next(self._starts)}", self.url, *arguments)
        self.odoo.start(self.steps)

    def ensure(self, *arguments: str) -> None:
        """Run Odoo in this way from now on, if it does not do so already."""
        if not self.odoo or self.odoo.has_ended() or self._arguments != arguments:
            self.start(*arguments)

    def stop(self) -> None:
        """End Odoo if it runs."""
        if self.odoo:
            self.odoo.stop()
            self.odoo = None

    @cached_property
    def admin(self) -> WebClient:
        """Return the administrator, who stays logged in when Odoo starts again."""
        return self.log_in(self.url)

    def log_in(self, url: str) -> WebClient:
        """Return the administrator at one of several servers."""
        return WebClient(url, self.database, "admin", "admin")

    @contextlib.contextmanager
    def measured(self) -> Iterator[list[float]]:
        """Find out by how many bytes the process grows at most meanwhile.

        :return: a list that has the figure at the end
        """
        process, found = Path(f"/proc/{self.odoo.pid}"), []
        before = _bytes_of(process, "VmRSS")
        # The peak so far is forgotten (proc(5), "clear_refs").
        (process / "clear_refs").write_text("5")
        yield found
        found.append(_bytes_of(process, "VmHWM") - before)

    def size(self) -> int:
        """Return the bytes of the process's address space."""
        return _bytes_of(Path(f"/proc/{self.odoo.pid}"), "VmSize")

    def inside(self, code: str, **names):
        """Run code within Odoo, in one transaction that commits if nothing is raised.

        :param code: for a server action; what it assigns to ``found`` is returned
        :param names: what it can use besides
        :raise OdooError: what the code raises
        """
        head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        tail = "\naction = {'found': found}\n"
        action = self._action(head + "found = None\n" + textwrap.dedent(code) + tail)
        return self.admin.call("ir.actions.server", "run", action)["found"]

    def _action(self, code: str) -> list[int]:
        """Return the server action that runs code."""
        if code not in self._actions:
            values = {
                "name": "Test",
                "model_id": self._model,
                "state": "code",
                "code": code,
            }
            made = self.admin.call("ir.actions.server", "create", [values])
            self._actions[code] = made
        return self._actions[code]

    @cached_property
    def _model(self) -> int:
        (model,) = self.admin.search("ir.model", ("model", "=", "mail.mail"))
        return model


def _bytes_of(process: Path, name: str) -> int:
    lines = (process / "status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
