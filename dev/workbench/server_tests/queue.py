"""Core's queue: rounds that follow at once, servers that are killed while it sends."""

from ..bench.ways import DEFAULT_LANES
from ..lab import settings
from ..lab.lab import Lab
from ..lab.settings import ASKING, TOLD
from ..servers.sentences import Subject, same, true

SUBJECT = Subject("queue")

_BATCH = 48
_QUEUED = 480
_ROUND = 20
_KILLS = 5
_SENT_PER_KILL = 20
# Of each killed server every lane may have left one in doubt.
_IN_DOUBT = _KILLS * DEFAULT_LANES


@SUBJECT.says
def a_server_that_is_killed(lab: Lab) -> None:
    """A server killed in the middle of a batch loses no mail and sends none twice."""
    subject, people = lab.new("Killed"), lab.addresses(_BATCH)
    mails = lab.write(subject, *people)
    lab.mailgun.fail({"path": "messages", "delay": 0.3})
    lab.wake()
    lab.wait_for_jobs("mails to leave", lambda: _taken(lab, mails) >= DEFAULT_LANES)
    lab.odoo.kill()
    in_doubt = [one for one, state in lab.deliveries(mails) if state == "sending"]
    true("nothing was in doubt", in_doubt)
    lab.mailgun.fail()
    lab.odoo.start(lab.steps)
    lab.apply_events()
    # What was on its way is known to Mailgun, or it is not found for long enough.
    lab.settle_all()
    lab.wake()
    lab.wait_for_jobs("the rest to leave", lambda: not lab.left(mails))
    _each_once(lab, subject, people)


@SUBJECT.says
def a_long_queue(lab: Lab) -> None:
    """A queue of 24 rounds leaves in one go, and five kills do not hold it up."""
    subject, people = lab.new("Queue"), lab.addresses(_QUEUED)
    parameters = "ir.config_parameter"
    name = "mail.mail.queue.batch.size"
    lab.admin.call(parameters, "set_param", name, _ROUND)
    mails = lab.write(subject, *people, email_from=f"sales@{ASKING}")
    lab.wake()
    for kill in range(1, _KILLS + 1):
        wanted = kill * _SENT_PER_KILL
        lab.wait_for_jobs(
            "mails to leave", lambda wanted=wanted: _taken(lab, mails) >= wanted
        )
        lab.odoo.kill()
        lab.odoo.start(lab.steps)
    # From now on nobody wakes it.
    lab.wait_for_jobs("the queue to go on", lambda: lab.left(mails) < _QUEUED - wanted)
    lab.steps.wait_for("the queue", lambda: lab.left(mails) <= _IN_DOUBT, timeout=120)
    lab.settle_all()
    lab.steps.wait_for("the rest to leave", lambda: not lab.left(mails))
    lab.admin.call(parameters, "set_param", name, False)
    _each_once(lab, subject, people)
    sql = "SELECT failure_count FROM ir_cron WHERE cron_name LIKE 'Mail: Email Queue%'"
    same("failures of the job", lab.value(sql), 0)


@SUBJECT.says
def a_disconnect_meanwhile(lab: Lab) -> None:
    """A domain that is disconnected while it sends stops in words, nothing is lost."""
    lab.ensure()
    subject, people = lab.new("Disconnected"), lab.addresses(_BATCH)
    mails = lab.write(subject, *people)
    lab.mailgun.fail({"path": "messages", "delay": 0.5})
    lab.wake()
    lab.wait_for_jobs("mails to leave", lambda: _taken(lab, mails) >= 1)
    domain = lab.admin.search("mailgun.domain", ("name", "=", TOLD))
    lab.admin.call("mailgun.domain", "action_disconnect", domain)
    lab.mailgun.fail()
    lab.wait_for_jobs("what is under way", lambda: not _is_running(lab))
    sql = """SELECT DISTINCT state, mailgun_wait, mailgun_wait_reason ~ 'was removed'
               FROM mail_mail WHERE id = ANY(%s) AND state <> 'sent'"""
    same("the rest", lab.rows(sql, mails), [("outgoing", "setting", True)])
    settings.connect(lab, TOLD)
    lab.execute(_IT_IS_TIME, mails)
    lab.wake()
    lab.wait_for_jobs("the rest to leave", lambda: not lab.left(mails))
    _each_once(lab, subject, people)


_IT_IS_TIME = "UPDATE mail_mail SET scheduled_date = NULL WHERE id = ANY(%s)"
_SENDING_MAIL = 0x6D670004


def _is_running(lab: Lab) -> bool:
    """Tell whether somebody is sending."""
    sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
    return lab.value(sql, _SENDING_MAIL)


def _taken(lab: Lab, mails: list[int]) -> int:
    """Return how many mails Mailgun has answered for."""
    return sum(state != "sending" for _who, state in lab.deliveries(mails))


def _each_once(lab: Lab, subject: str, people: list[str]) -> None:
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("mails given to Mailgun", len(given), len(people))
    same("recipients", sorted(given), sorted([one] for one in people))
