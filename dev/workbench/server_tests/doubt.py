"""Mail of which nobody knows whether Mailgun took it, and who finds out."""

from concurrent.futures import ThreadPoolExecutor

from ..lab.lab import Lab
from ..lab.settings import ASKING, ONLY_SENDING, TOLD
from ..machine import postgres
from ..servers.sentences import Subject, same

SUBJECT = Subject("doubt")

_LOST = {"path": "messages", "answer": "lost", "count": 1}


@SUBJECT.says
def an_event_settles_it(lab: Lab) -> None:
    """A mail whose answer was lost is sent as soon as an event tells that it is."""
    subject, mails = _in_doubt(lab, TOLD, _LOST)
    lab.apply_events()
    lab.wait_until_sent(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def mailguns_record_settles_it(lab: Lab) -> None:
    """Without webhooks Mailgun's record of events tells that it is sent."""
    subject, mails = _in_doubt(lab, ASKING, _LOST)
    lab.apply_events()
    same("states", lab.states(mails), ["outgoing"])
    lab.settle()
    lab.wait_until_sent(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def not_found_counts_after_a_while(lab: Lab) -> None:
    """What Mailgun's record does not know for long enough is sent again, once."""
    subject, mails = _in_doubt(lab, ASKING, _LOST)
    lab.mailgun.forget()
    lab.settle()
    same("deliveries", [state for _who, state in lab.deliveries(mails)], ["sending"])
    lab.settle()
    lab.wait_until_sent(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def a_person_decides(lab: Lab) -> None:
    """With a sending key a person is asked, and Send Again sends it a second time."""
    subject, mails = _in_doubt(lab, ONLY_SENDING, _LOST)
    lab.settle()
    sql = "SELECT state, mailgun_wait FROM mail_mail WHERE id = %s"
    same("state", lab.rows(sql, mails[0]), [("exception", "uncertain")])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    lab.admin.call("mail.mail", "action_retry", mails)
    lab.send(mails)
    same("states after Retry", lab.states(mails), ["exception"])
    lab.admin.call("mail.mail", "action_mailgun_send_again", mails)
    lab.send_soon(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 2)


@SUBJECT.says
def an_error_of_mailgun_is_looked_up(lab: Lab) -> None:
    """A mail that Mailgun took with an error 500 is looked up, and not sent again."""
    fault = {"path": "messages", "answer": 500, "obeyed": True, "count": 1}
    subject, mails = _in_doubt(lab, ASKING, fault)
    lab.send(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    lab.settle()
    lab.wait_until_sent(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def an_error_without_a_mail(lab: Lab) -> None:
    """A mail that was answered 502 is sent once the record had the time to know it."""
    fault = {"path": "messages", "answer": 502, "count": 1}
    subject, mails = _in_doubt(lab, ASKING, fault)
    lab.settle()
    lab.send(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 0)
    lab.settle()
    lab.wait_until_sent(mails)
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)


@SUBJECT.says
def settled_while_others_write(lab: Lab) -> None:
    """A mail that somebody writes while it is settled is settled, without an error."""
    _subject, mails = _in_doubt(lab, ASKING, _LOST)
    lab.apply_events()
    errors = _collisions(lab)
    with (
        postgres.connection(lab.postgres_env, lab.database) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        writer.autocommit = False
        writer.cursor().execute(_WRITE, [mails])
        settling = pool.submit(lab.settle)
        lab.steps.wait_for("somebody to wait", lambda: lab.value(_WAITING))
        writer.commit()
        settling.result()
    lab.wait_until_sent(mails)
    same("errors", _collisions(lab) - errors, 0)


_WRITE = "UPDATE mail_mail SET write_date = now() WHERE id = ANY(%s)"
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def _collisions(lab: Lab) -> int:
    """Return how often Odoo has logged that another transaction was first."""
    return lab.odoo.log.read_text().count("could not serialize")


def _in_doubt(lab: Lab, domain: str, fault: dict) -> tuple[str, list[int]]:
    """Send a mail whose answer does not tell what became of it."""
    subject = lab.new("Doubt")
    lab.mailgun.fail(fault)
    sender = f"sales@{domain}"
    mails = lab.write(subject, *lab.addresses(1), email_from=sender)
    lab.send(mails)
    same("states", lab.states(mails), ["outgoing"])
    same("deliveries", [state for _who, state in lab.deliveries(mails)], ["sending"])
    return subject, mails
