"""Odoo behind PgBouncer, which gives each transaction whatever connection is free."""

import contextlib
from collections.abc import Iterator

from ..lab.lab import Lab
from ..machine import pooler, postgres
from ..machine.steps import StepFailed
from ..servers.sentences import NotChecked, Subject, same
from . import ledger

SUBJECT = Subject("pooler")

_MAILS = 40
_SETTINGS = """SELECT current_setting('lock_timeout'),
                      current_setting('synchronous_commit')"""


def scene(lab: Lab) -> tuple[list, list, set]:
    """Send mails behind a pooler, and wait until all events are applied.

    :return: conflicts, recipients of what Mailgun was given, settings of other clients
    """
    with _behind_pooler(lab) as env:
        subject, people = lab.new("Pooled"), lab.addresses(_MAILS)
        mails = lab.write(subject, *people)
        lab.mailgun.fail({"path": "messages", "delay": 0.1})
        lab.collisions.begin()
        lab.wake()
        lab.steps.wait_for("mails to leave", lambda: not lab.left(mails))
        lab.steps.wait_for(
            "events to be applied by themselves",
            lambda: {state for _who, state in lab.deliveries(mails)} == {"delivered"},
        )
        given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
        same("mails given to Mailgun", len(given), len(people))
        return lab.collisions.found(), given, _settings(lab, env)


@SUBJECT.says
def lanes_send_and_events_apply(lab: Lab) -> None:
    """Behind a pooler of transactions lanes send each mail once, and events apply."""
    conflicts, given, _settings_of_others = lab.once(scene)
    same("conflicts", conflicts, [])
    same("different recipients", len({one for (one,) in given}), _MAILS)


@SUBJECT.says
def settings_reach_nobody_else(lab: Lab) -> None:
    """What the ledger sets for its entries holds for no other client of the pooler."""
    _conflicts, _given, settings = lab.once(scene)
    same("settings", settings, {("0", "on")})


@SUBJECT.says
def entries_wait_no_longer(lab: Lab) -> None:
    """Behind a pooler, too, mail waits while somebody keeps the ledger locked."""
    with _behind_pooler(lab):
        ledger.a_locked_ledger(lab)


@contextlib.contextmanager
def _behind_pooler(lab: Lab) -> Iterator[dict[str, str]]:
    """Have Odoo use a pooler; return the environment that leads through it."""
    with contextlib.ExitStack() as stack:
        try:
            env = stack.enter_context(pooler.running(lab.steps, lab.postgres_env))
        except StepFailed as error:
            raise NotChecked(str(error)) from None
        lab.variables.update(env)
        try:
            lab.start()
            yield env
        finally:
            lab.stop()
            lab.variables.clear()


def _settings(lab: Lab, env: dict[str, str]) -> set[tuple]:
    """Return what clients find set who have all connections of the pooler at once."""
    found = set()
    with contextlib.ExitStack() as stack:
        for _client in range(pooler.SIZE - 5):
            client = stack.enter_context(postgres.connection(env, lab.database))
            client.autocommit = False
            cursor = client.cursor()
            cursor.execute(_SETTINGS)
            found.add(cursor.fetchone())
    return found
