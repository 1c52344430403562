"""A server to post to: two domains with keys, an alias, nothing that runs by itself."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..demo import demo_stage
from ..lab import stage as server_stage
from ..lab.lab_odoo import LabOdoo
from ..machine import databases, postgres
from ..machine.report import Report
from ..machine.steps import StepsOf
from .values import DOMAIN

DATABASE = "mailgun_fuzz"
SIGNING_KEY = "fuzz-signing-key"
OTHER_DOMAIN = "elsewhere.example"
OTHER_KEY = "another-signing-key"
# What was taken is routed when it is asked for.
_WAYS = ("--max-cron-threads", "0")
_SLOTS = "mail_mailgun.routing_slots"
# Nobody is there, and nobody is asked.
_MAILGUN = "http://127.0.0.1:9"
# What has a row only when something was believed.
_GROWING = (
    "mailgun_inbound_email",
    "mailgun_event",
    "mailgun_used_token",
    "mailgun_held_attachment",
    "mailgun_delivery",
    "mail_message",
    "mail_mail",
    "ir_attachment",
    "res_partner",
)


class Stage(LabOdoo):
    """Odoo, what it takes of memory, and what the database has of it."""

    @property
    def address(self) -> tuple[str, int]:
        """Return where it answers."""
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    def restart(self, slots: int = 0) -> None:
        """Start it once more, so that nothing is in its memory yet.

        :param slots: how many mails it routes at a time after its answers
        """
        self.ensure(*_WAYS)
        self.admin.call("ir.config_parameter", "set_param", _SLOTS, str(slots))
        self.start(*_WAYS)

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each table that strangers could fill."""
        return {name: self.value(f"SELECT count(*) FROM {name}") for name in _GROWING}


@contextlib.contextmanager
def running(report: Report) -> Iterator[Stage]:
    """Keep everything up while the context lasts.

    :raise StepFailed: when something does not start
    """
    steps, template = StepsOf(report), server_stage.TEMPLATE
    with databases.alone(report), postgres.running() as postgres_env:
        demo_stage.prepare_database(steps, postgres_env, template, server_stage.MODULES)
        databases.copy(postgres_env, template, DATABASE)
        stage = Stage(steps, postgres_env, DATABASE, _MAILGUN)
        try:
            stage.start(*_WAYS)
            _set_up(stage)
            stage.restart()
            yield stage
        finally:
            stage.stop()


def _set_up(stage: Stage) -> None:
    call = stage.admin.call
    for name, key in ((DOMAIN, SIGNING_KEY), (OTHER_DOMAIN, OTHER_KEY)):
        values = {"name": name, "webhook_signing_key": key}
        domain = call("mailgun.domain", "create", [values])
        call("mailgun.domain", "action_confirm", domain)
    alias_domain = call("mail.alias.domain", "create", [{"name": DOMAIN}])
    (contacts,) = stage.admin.search("ir.model", ("model", "=", "res.partner"))
    values = {
        "alias_name": "people",
        "alias_domain_id": alias_domain[0],
        "alias_model_id": contacts,
        "alias_contact": "everyone",
    }
    call("mail.alias", "create", [values])
    # As if Mailgun had been told to look for spam: the verdicts are read then.
    stage.execute("UPDATE mailgun_domain SET spam_action = 'tag'")
