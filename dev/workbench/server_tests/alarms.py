"""Trouble: how long it takes until a person is told, and what nobody is told of.

A minute passes by moving what Odoo has stored about the past; where a process itself
has to notice, it takes a minute.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from ..lab.lab import Lab
from ..lab.settings import SIGNING_KEY, TOLD
from ..machine import postgres
from ..servers.sentences import Subject, Wrong, true
from ..servers.web_client import OdooError

SUBJECT = Subject("alarms")

# Minutes within which 19 of 20 have to be told.
_WITHIN = 10
# Scheduled actions judge every so many minutes, begun at any of them.
_PERIOD = 2
_DAY = 24 * 60
# Minutes from one hiccup to the next.
_BETWEEN = 10


@SUBJECT.says
def outages_of_sending(lab: Lab) -> None:
    """A refused key, a disabled domain and a used up quota are told in ten minutes."""
    found = {}
    for name, fault in _OUT.items():
        for phase in range(_PERIOD):
            found[f"{name} ({phase})"] = _minutes_until_told(lab, fault, phase)
    _judge_times(lab, found)


@SUBJECT.says
def refused_posts(lab: Lab) -> None:
    """Posts that are answered 401 are told in ten minutes."""
    found = {
        f"401 ({phase})": _minutes_until_told(lab, _other_signing_key, phase, anew=True)
        for phase in range(_PERIOD)
    }
    _judge_times(lab, found)


@SUBJECT.says
def no_scheduled_actions(lab: Lab) -> None:
    """That no server runs scheduled actions is told in ten minutes."""
    ways = {"threads": (), "workers": ("--workers", "2")}
    _judge_times(lab, {name: _minutes_unscheduled(lab, *ways[name]) for name in ways})
    lab.start()


def _minutes_unscheduled(lab: Lab, *arguments: str) -> float:
    _calm(lab)
    lab.start("--max-cron-threads", "0", *arguments)
    before, passed = _told(lab), 5
    lab.execute(_STOPPED)
    _pass(lab, passed)
    lab.execute(_DUE, passed)
    started = time.monotonic()
    # A process is watched from its first request on.
    lab.admin.search("mailgun.domain")
    lab.steps.wait_for("people to be told", lambda: _told(lab) > before, timeout=400)
    return passed + (time.monotonic() - started) / 60


@SUBJECT.says
def no_connections(lab: Lab) -> None:
    """A process without a database connection tells so in ten minutes."""
    _calm(lab)
    # A threaded server would start again after two minutes.
    lab.start("--db_maxconn", "8", "--limit-time-real", "0")
    lab.admin.search("mailgun.domain")
    before, started = _told(lab), time.monotonic()
    with _all_busy(lab, 16):
        lab.steps.wait_for("people to be told", lambda: _told(lab) > before, 600)
        minutes = (time.monotonic() - started) / 60
    _judge_times(lab, {"used up": minutes})
    lab.start()


@SUBJECT.says
def hiccups(lab: Lab) -> None:
    """Of a day of hiccups of a minute nobody is told."""
    _calm(lab)
    before, faults = _told(lab), list(_HICCUPS)
    for number in range(_DAY // _BETWEEN):
        # Or there would be more to look through each time.
        lab.mailgun.forget()
        with faults[number % len(faults)](lab):
            _traffic(lab)
            _judge(lab)
            _pass(lab, 1)
        for minute in range(1, _BETWEEN):
            if minute in (1, _BETWEEN // 2):
                lab.inside(_SCHEDULED)
                _traffic(lab)
            if minute % _PERIOD == number % _PERIOD:
                _judge(lab)
            _pass(lab, 1)
    if told := _told(lab) - before:
        raise Wrong(f"{told} were told, such as {lab.rows(_LAST_TOLD)}")


# --- what goes wrong ------------------------------------------------------------------


def _fault(**fault) -> Callable:
    @contextlib.contextmanager
    def broken(lab: Lab) -> Iterator[None]:
        lab.mailgun.fail({"path": "messages", **fault})
        yield
        lab.mailgun.fail()

    return broken


@contextlib.contextmanager
def _disabled(lab: Lab) -> Iterator[None]:
    lab.mailgun.disable(TOLD, "Too many complaints.")
    yield
    lab.mailgun.disable(TOLD, "")


@contextlib.contextmanager
def _other_signing_key(lab: Lab) -> Iterator[None]:
    _sign_with(lab, "another key", "and one more")
    yield
    _sign_with(lab, SIGNING_KEY)


def _sign_with(lab: Lab, *keys: str) -> None:
    domain = lab.admin.search("mailgun.domain", ("name", "=", TOLD))
    for key in keys:
        values = {"webhook_signing_key": key}
        lab.admin.call("mailgun.domain", "write", domain, values)


@contextlib.contextmanager
def _late(lab: Lab) -> Iterator[None]:
    lab.execute(_DUE, 2)
    yield


_OUT = {
    "key": _fault(answer=401, words="Forbidden"),
    "domain": _disabled,
    "quota": _fault(answer=429, retry_after=6 * 3600),
    "plan": _fault(answer=402),
}
_HICCUPS = (
    _fault(answer=401, words="Forbidden"),
    _fault(answer=500),
    _other_signing_key,
    _fault(answer="lost"),
    _fault(answer=429, retry_after=30),
    _late,
)


@contextlib.contextmanager
def _all_busy(lab: Lab, count: int) -> Iterator[None]:
    """Have so many requests wait for a lock, each with its connection."""

    def ask():
        with contextlib.suppress(OdooError, OSError, ValueError):
            lab.log_in(lab.url).call("res.bank", "create", [{"name": "Bank"}])

    # They are logged in before there is no connection left for it.
    waiting = [threading.Thread(target=ask, daemon=True) for _one in range(count)]
    with postgres.connection(lab.postgres_env, lab.database) as keeper:
        keeper.autocommit = False
        keeper.cursor().execute("LOCK TABLE res_bank IN EXCLUSIVE MODE")
        for thread in waiting:
            thread.start()
        yield
        keeper.rollback()
    for thread in waiting:
        thread.join()


# --- time -----------------------------------------------------------------------------

_PAST = {
    "mailgun_alarm": ("since", "seen"),
    "mailgun_domain": ("refusal_at", "sending_trouble_at", "last_sent_at"),
    "mailgun_inbound_email": ("create_date", "next_attempt_at"),
    "mailgun_event": ("create_date", "occurred_at"),
    "mail_mail": ("scheduled_date", "mailgun_wait_since"),
}
_DUE = """UPDATE ir_cron
             SET nextcall = now() AT TIME ZONE 'UTC' - %s * interval '1 min'
           WHERE cron_name IN
                 ('Mailgun: apply events', 'Mailgun: route waiting mail')"""
_STOPPED = "UPDATE ir_cron SET lastcall = lastcall - interval '10 min'"
_TOLD = """SELECT count(*) FROM mail_message
            WHERE model = 'discuss.channel'
              AND body LIKE '%%needs repair%%'"""

# What a server does each minute, of which there are many in a real one here.
_SCHEDULED = """
env["mail.mail"].process_email_queue()
env["mailgun.event"]._process_queue()
env["mailgun.inbound.email"]._process_queue()
"""
_LAST_TOLD = """SELECT left(max(body), 200), count(*) FROM mail_message
                 WHERE model = 'discuss.channel' AND body LIKE '%%needs repair%%'
                 GROUP BY left(regexp_replace(body, '[0-9]', '', 'g'), 150)"""


def _pass(lab: Lab, minutes: int) -> None:
    for table, columns in _PAST.items():
        moved = ", ".join(f"{one} = {one} - %s * interval '1 min'" for one in columns)
        lab.execute(f"UPDATE {table} SET {moved}", *[minutes] * len(columns))


def _judge(lab: Lab) -> None:
    lab.inside("env['mailgun.alarm']._judge_all()")


def _told(lab: Lab) -> int:
    return lab.value(_TOLD)


def _traffic(lab: Lab) -> None:
    """Let a mail leave and one come, and events about the first."""
    lab.send(lab.write(lab.new("Minute"), *lab.addresses(1)))
    sender = f"{lab.new('minute')}@customer.test"
    lab.mailgun.write(sender, f"catchall@{TOLD}", "Minute", "Hello")
    lab.steps.wait_for("posts", lambda: all(p["attempts"] for p in lab.mailgun.posts()))


def _calm(lab: Lab) -> None:
    """Begin with no trouble."""
    lab.ensure()
    lab.mailgun.fail()
    lab.mailgun.forget()
    lab.execute("UPDATE mail_mail SET state = 'cancel' WHERE state = 'outgoing'")
    _traffic(lab)
    _judge(lab)
    lab.execute("DELETE FROM mailgun_alarm")


def _minutes_until_told(
    lab: Lab, fault: Callable, phase: int, anew: bool = False
) -> float:
    """Return how many minutes after its begin a person was told of an outage.

    :param phase: minutes from the begin to the first judgement
    :param anew: each minute with a new process, which notes a refusal at once
    """
    _calm(lab)
    before = _told(lab)
    with fault(lab):
        for minute in range(3 * _WITHIN):
            if anew:
                lab.start()
            _traffic(lab)
            if minute % _PERIOD == phase:
                _judge(lab)
            if _told(lab) > before:
                return float(minute)
            _pass(lab, 1)
    return float("inf")


def _judge_times(lab: Lab, found: dict[str, float]) -> None:
    said = ", ".join(f"{name}: {minutes:.1f}" for name, minutes in found.items())
    lab.steps.say(f"minutes until told: {said}")
    late = sorted(found.values())[: max(1, len(found) * 19 // 20)][-1]
    true(f"too late: {said}", late <= _WITHIN)
