"""One run of Odoo from start to end, its log judged line by line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..machine import paths, processes
from ..machine.ports import free_port
from ..machine.voice import Voice
from . import odoo
from .odoo_log import Reader, Record

_TAIL_LINES = 40


@dataclass
class OdooRun:
    """What became of a run.

    :param status: the exit code
    :param troubles: entries of the log that should not be there
    :param log: everything that was printed
    """

    status: int
    troubles: list[str]
    log: Path

    @property
    def problems(self) -> str:
        """Return what went wrong, or ""."""
        if self.status and not self.troubles:
            return (
                f"Odoo ended with {self.status}; end of {self.log}:\n{tail(self.log)}"
            )
        return "\n".join(self.troubles)


def tail(log: Path) -> str:
    """Return the end of a log."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])


def run(
    voice: Voice,
    postgres_env: dict[str, str],
    database: str,
    name: str,
    *arguments: str,
    script: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
    claims: Callable[[Record], bool] = lambda record: False,
) -> OdooRun:
    """Run Odoo on a database until it ends by itself.

    :param voice: gives signs of life
    :param name: of the log
    :param arguments: for Odoo
    :param script: what ``odoo shell`` executes
    :param variables: of the environment, besides those that Odoo needs
    :param claims: sees each entry of the log; true when it is no trouble
    """
    doing = "starting"
    troubles: list[str] = []

    def see(record: Record) -> None:
        nonlocal doing
        doing = f"{record.logger}: {record.text.splitlines()[0][:90]}"
        if not claims(record) and record.is_trouble:
            troubles.append(str(record))

    reader = Reader(see)
    log = paths.log_file(name)
    status = processes.watch(
        odoo.command(*arguments),
        {**odoo.environment(postgres_env, database, free_port()), **variables},
        log,
        reader.feed,
        lambda: voice.alive(doing),
        stdin=script,
    )
    reader.close()
    return OdooRun(status, troubles, log)
