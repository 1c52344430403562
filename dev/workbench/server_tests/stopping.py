"""Servers that are asked to end while they send, and jobs that may not take long."""

import re
import time

from ..bench.ways import DEFAULT_LANES
from ..lab.lab import Lab
from ..machine.ports import free_port
from ..servers.sentences import Subject, same, true

SUBJECT = Subject("stopping")

_MAILS = 40
# Seconds that Mailgun takes for each mail.
_SLOW = 2.0
# What service managers and container platforms grant, less a little.
_GRACE = 25
_ERROR = re.compile(r"^.* ERROR .*$", re.MULTILINE)

# Seconds that Odoo grants a job.
_LIMIT = 12
# Seconds of CPU, and mails that take more.
_CPU_LIMIT = 6
_CPU_MAILS = 500
_OUT_OF_CPU = re.compile(r".*CPU time limit .*")
_ALIVE = "Worker WorkerCron"
_KILLED = re.compile(r"WorkerCron .* timeout after .*")
_RUN = re.compile(r"Job 'Mail: Email Queue Manager' .* starting")


@SUBJECT.says
def a_threaded_server_ends_in_time(lab: Lab) -> None:
    """A threaded server that is asked to end while it sends leaves nothing in doubt."""
    lab.ensure()
    _end_while_sending(lab, *_workers(lab))


@SUBJECT.says
def a_server_with_workers_ends_in_time(lab: Lab) -> None:
    """A server with workers that is asked to end while it sends does so, too."""
    lab.ensure(*_workers(lab))
    _end_while_sending(lab, *_limited(lab))


@SUBJECT.says
def a_job_keeps_its_time_limit(lab: Lab) -> None:
    """A run of the queue ends before its time is up, and the rest follows at once."""
    lab.ensure(*_limited(lab))
    # A worker whose turn does not come is killed, and the next one counts anew.
    alive = lab.odoo.log.read_text().count(_ALIVE)
    lab.steps.wait_for(
        "a new worker", lambda: lab.odoo.log.read_text().count(_ALIVE) > alive
    )
    time.sleep(_LIMIT / 2)
    already = lab.odoo.log.read_text()
    subject, mails = _queue(lab, _LIMIT * DEFAULT_LANES // 2)
    lab.steps.wait_for("the queue", lambda: not lab.left(mails))
    log = lab.odoo.log.read_text().removeprefix(already)
    same("workers that were killed", _KILLED.findall(log), [])
    true("one run did it all, in whatever time", len(_RUN.findall(log)) > 1)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))


@SUBJECT.says
def a_job_keeps_its_cpu_limit(lab: Lab) -> None:
    """A run of the queue ends before its CPU is used up, and nothing is in doubt."""
    lab.start(*_workers(lab), "--limit-time-cpu", str(_CPU_LIMIT))
    already = lab.odoo.log.read_text()
    subject = lab.new("CPU")
    mails = lab.write(subject, *lab.addresses(_CPU_MAILS))
    lab.wake()
    lab.wait_for_jobs("the queue", lambda: not lab.left(mails), timeout=180)
    log = lab.odoo.log.read_text().removeprefix(already)
    same("workers out of CPU", _OUT_OF_CPU.findall(log), [])
    true("one run did it all", len(_RUN.findall(log)) > 1)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), len(mails))


def _end_while_sending(lab: Lab, *arguments: str) -> None:
    """Let the server be asked to end while all lanes wait for Mailgun.

    :param arguments: how Odoo is to run afterwards, and to send the rest
    """
    subject, mails = _queue(lab, _MAILS)
    # Copies that sentences before have left without a mail are not asked about.
    sending = """SELECT count(*) FROM mailgun_delivery
        WHERE state = 'sending' AND id IN (
        SELECT row FROM mailgun_open_row WHERE kind = 'sending')"""
    lab.wait_for_jobs("lanes at work", lambda: lab.value(sending) == DEFAULT_LANES)
    already = lab.odoo.log.read_text()
    seconds = lab.odoo.end(_GRACE)
    lab.steps.say(f"it took {seconds:.1f} s to end")
    same("copies in doubt", lab.value(sending), 0)
    given = len(lab.mailgun.given(subject))
    same("mails sent", lab.states(mails).count("sent"), given)
    true("all mails were sent, so nothing was interrupted", given < _MAILS)
    true("no mail was under way", given >= DEFAULT_LANES)
    log = lab.odoo.log.read_text().removeprefix(already)
    same("errors in the log", _ERROR.findall(log), [])
    lab.mailgun.fail()
    lab.start(*arguments)
    lab.wake()
    lab.wait_for_jobs("the rest", lambda: not lab.left(mails))
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), _MAILS)


def _workers(lab: Lab) -> tuple[str, ...]:
    port = str(lab.once(_gevent_port))
    return "--workers", "2", "--max-cron-threads", "1", "--gevent-port", port


def _limited(lab: Lab) -> tuple[str, ...]:
    return *_workers(lab), "--limit-time-real-cron", str(_LIMIT)


def _gevent_port(_lab: Lab) -> int:
    return free_port()


def _queue(lab: Lab, count: int) -> tuple[str, list[int]]:
    """Have the queue send mails that Mailgun takes its time for."""
    subject = lab.new("Slow")
    mails = lab.write(subject, *lab.addresses(count))
    lab.mailgun.fail({"path": "messages", "delay": _SLOW})
    lab.wake()
    return subject, mails
