"""Odoo's scheduled jobs: looked at each second, and triggered."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timezone

from ..demo.demo_stage import DATABASE, Stage
from ..machine import postgres
from ..servers.web_client import WebClient

_SECONDS = 1
_DUE = """
SELECT 1 FROM ir_cron_trigger
WHERE cron_id = %s AND call_at <= now() AT TIME ZONE 'UTC'"""


@contextlib.contextmanager
def awake(stage: Stage) -> Iterator[None]:
    """Have Odoo look for due jobs each second, and not each minute only.

    What is due does not change by it; also an Odoo that has just been started begins at
    once.
    """
    ended = threading.Event()

    def notify() -> None:
        with postgres.connection(stage.postgres_env, "postgres") as connected:
            with connected.cursor() as cursor:
                while not ended.wait(_SECONDS):
                    cursor.execute("SELECT pg_notify('cron_trigger', %s)", [DATABASE])

    thread = threading.Thread(target=notify, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Queue:
    """Core's queue of outgoing mail.

    :param admin: an administrator
    :param stage: where it is
    """

    def __init__(self, admin: WebClient, stage: Stage):
        self._admin = admin
        self._stage = stage
        (self._cron,) = admin.search(
            "ir.cron", ("cron_name", "=", "Mail: Email Queue Manager")
        )

    def trigger(self) -> None:
        """Have it run as soon as possible."""
        now = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S}"
        values = {"cron_id": self._cron, "call_at": now}
        self._admin.call("ir.cron.trigger", "create", [values])

    def keep_going(self) -> None:
        """Trigger it unless it is triggered already.

        Core itself comes back to what it left behind after an hour.
        """
        if not self._stage.rows(_DUE, self._cron):
            self.trigger()

    def clear(self) -> None:
        """Cancel what an earlier run left behind."""
        left = self._admin.search("mail.mail", ("state", "=", "outgoing"))
        self._admin.call("mail.mail", "cancel", left)
