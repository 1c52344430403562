"""The ledger's own transactions beside those of core."""

import threading
from concurrent.futures import ThreadPoolExecutor

from ..lab.lab import Lab
from ..lab.settings import API_KEY, TOLD
from ..machine import postgres
from ..machine.ports import HOST, free_port
from ..servers.sentences import Subject, Wrong, same
from ..servers.web_client import OdooError

SUBJECT = Subject("ledger")


@SUBJECT.says
def a_deleted_mail_keeps_its_delivery(lab: Lab) -> None:
    """A mail that is deleted after sending keeps its delivery, without a conflict."""
    lab.collisions.begin()
    subject, (recipient,) = lab.new("Deleted"), lab.addresses(1)
    mails = lab.write(subject, recipient, auto_delete=True)
    lab.send(mails)
    same("mails left", lab.states(mails), [])
    same("deliveries", lab.deliveries(mails), [(recipient, "accepted")])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    same("conflicts", lab.collisions.found(), [])


@SUBJECT.says
def a_mail_made_and_sent_at_once(lab: Lab) -> None:
    """A mail that is made, sent and deleted in one transaction has its delivery."""
    lab.collisions.begin()
    subject, (recipient,) = lab.new("At once"), lab.addresses(1)
    mail = lab.inside(_MAKE_AND_SEND, subject=subject, to=recipient, delete=True)
    same("mails left", lab.states([mail]), [])
    same("deliveries", lab.deliveries([mail]), [(recipient, "accepted")])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    same("conflicts", lab.collisions.found(), [])


@SUBJECT.says
def a_caller_that_rolls_back(lab: Lab) -> None:
    """What a caller sent and rolled back leaves a delivery that harms nothing."""
    subject, (recipient,) = lab.new("Rolled back"), lab.addresses(1)
    code = f"{_MAKE_AND_SEND}raise UserError('Changed my mind')\n"
    try:
        lab.inside(code, subject=subject, to=recipient, delete=False)
    except OdooError as error:
        same("what the caller is told", str(error), "Changed my mind")
    else:
        raise Wrong("the caller was not told")
    (mail,) = lab.mailgun.given(subject)
    lab.apply_events()
    sql = """SELECT recipient, state, mail_id IN (SELECT id FROM mail_mail)
               FROM mailgun_delivery WHERE message_id = %s"""
    found = lab.rows(sql, mail["message_id"])
    same("deliveries", found, [(recipient, "delivered", False)])
    sql = "SELECT DISTINCT state FROM mailgun_event WHERE message_id = %s"
    same("its events", lab.rows(sql, mail["message_id"]), [("done",)])


@SUBJECT.says
def not_taken_before_the_commit(lab: Lab) -> None:
    """A mail that Mailgun does not take is failed for its maker, and then waits."""
    subject, (recipient,) = lab.new("Not taken"), lab.addresses(1)
    lab.mailgun.fail({"path": "messages", "answer": 429, "count": 1})
    code = f"{_MAKE_AND_SEND}found = [mail.id, mail.state]\n"
    mail, state = lab.inside(code, subject=subject, to=recipient, delete=False)
    same("what its maker reads", state, "exception")
    sql = "SELECT state, mailgun_wait FROM mail_mail WHERE id = %s"
    same("after the commit", lab.rows(sql, mail), [("outgoing", "wait")])
    lab.mailgun.fail()
    lab.send([mail])
    same("state", lab.states([mail]), ["sent"])


@SUBJECT.says
def several_recipients_of_one_call(lab: Lab) -> None:
    """Recipients of one call share an id at Mailgun and have a delivery each."""
    subject, people = lab.new("Several"), lab.addresses(3)
    mails = lab.write(subject, ", ".join(people[:2]), email_cc=people[2])
    lab.send(mails)
    (mail,) = lab.mailgun.given(subject)
    same("recipients", mail["recipients"], people)
    # Mailgun's own is kept only where it is another one.
    sql = """SELECT recipient, COALESCE(mailgun_id, message_id) FROM mailgun_delivery
              WHERE mail_id = %s ORDER BY id"""
    wanted = [(one, mail["message_id"]) for one in people]
    same("deliveries", lab.rows(sql, mails[0]), wanted)


@SUBJECT.says
def contacts_who_share_an_address(lab: Lab) -> None:
    """Contacts who share an address each get their mail, and each learn its fate."""
    subject, (address,) = lab.new("Shared"), lab.addresses(1)
    lab.mailgun.mailbox_answers(address, "bounced")
    contacts = lab.contacts(address, address)
    message = lab.post(subject, contacts)
    lab.apply_events()
    given = lab.mailgun.given(subject)
    same("recipients", [mail["recipients"] for mail in given], [[address]] * 2)
    same("notifications", _notified(lab, message), dict.fromkeys(contacts, "bounce"))


@SUBJECT.says
def a_partly_accepted_mail(lab: Lab) -> None:
    """A mail that Mailgun took for one of two goes to the other only."""
    subject, people = lab.new("Partly"), lab.addresses(2)
    lab.mailgun.fail({"path": "messages", "per_second": 1, "count": 1})
    contacts = lab.contacts(*people)
    mails = lab.write(subject, "", recipient_ids=[(6, 0, contacts)])
    lab.send(mails)
    same("state", lab.states(mails), ["outgoing"])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    lab.mailgun.fail()
    lab.send(mails)
    same("state", lab.states(mails), ["sent"])
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def sent_again_on_purpose(lab: Lab) -> None:
    """A mail sent again on purpose goes out again, and events find each attempt."""
    subject, (recipient,) = lab.new("Again"), lab.addresses(1)
    mails = lab.write(subject, recipient)
    lab.send(mails)
    lab.apply_events()
    lab.mailgun.mailbox_answers(recipient, "bounced")
    lab.admin.call("mail.mail", "mark_outgoing", mails)
    lab.send_soon(mails)
    lab.apply_events()
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 2)
    found = lab.deliveries(mails)
    same("deliveries", found, [(recipient, "delivered"), (recipient, "bounced")])


@SUBJECT.says
def retry_after_a_bounce(lab: Lab) -> None:
    """Sent after a bounce it reaches who bounced, once the suppression is lifted."""
    subject, people = lab.new("Retry"), lab.addresses(2)
    for one in people:
        lab.mailgun.mailbox_answers(one, "bounced")
    lab.mailgun.fail({"path": "messages", "per_second": 1})
    mails = lab.write(subject, "", recipient_ids=[(6, 0, lab.contacts(*people))])
    lab.send(mails)
    # The second one had to wait for too long, so Retry would leave it out.
    lab.execute(_LET_A_DAY_PASS, mails)
    lab.send(mails)
    lab.apply_events()
    (bounced,) = lab.mailgun.given(subject)[0]["recipients"]
    same("state", lab.states(mails), ["exception"])
    same("deliveries", lab.deliveries(mails), [(bounced, "bounced")])
    lab.mailgun.fail()
    lab.mailgun.lift(TOLD, "bounces", bounced, API_KEY)
    for one in people:
        lab.mailgun.mailbox_answers(one, "taken")
    lab.admin.call("mail.mail", "action_mailgun_send", mails)
    lab.send_soon(mails)
    lab.apply_events()
    wanted = [(one, "delivered") for one in people] + [(bounced, "bounced")]
    same("deliveries", sorted(lab.deliveries(mails)), sorted(wanted))


@SUBJECT.says
def another_message_id(lab: Lab) -> None:
    """Events find their mail when Mailgun has given it another Message-Id."""
    subject, (recipient,) = lab.new("Other id"), lab.addresses(1)
    lab.mailgun.fail(rewrite_ids=True)
    mails = lab.write(subject, recipient)
    lab.send(mails)
    lab.apply_events()
    (mail,) = lab.mailgun.given(subject)
    sql = """SELECT state, mailgun_id, message_id = mailgun_id FROM mailgun_delivery
              WHERE mail_id = %s"""
    wanted = [("delivered", mail["message_id"], False)]
    same("deliveries", lab.rows(sql, mails[0]), wanted)


# It has just written down what is about to be posted, and holds no transaction.
_CUT_LEDGER = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE datname = %s AND state = 'idle'
       AND query LIKE '%%INSERT INTO mailgun_delivery%%'
       AND pid <> pg_backend_pid()
"""


@SUBJECT.says
def a_locked_ledger(lab: Lab) -> None:
    """While somebody keeps the ledger locked mail waits, and then it goes."""
    subject, people = lab.new("Locked"), lab.addresses(6)
    mails = lab.write(subject, *people)
    with postgres.connection(lab.postgres_env, lab.database) as connected:
        connected.autocommit = False
        with connected.cursor() as cursor:
            cursor.execute("LOCK TABLE mailgun_delivery IN SHARE MODE")
            lab.send(mails, auto_commit=True)
    same("states", lab.states(mails), ["outgoing"] * len(people))
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 0)
    lab.execute(_LET_TIME_PASS, mails)
    lab.send(mails, auto_commit=True)
    same("states afterwards", lab.states(mails), ["sent"] * len(people))
    same("mails given afterwards", len(lab.mailgun.given(subject)), len(people))


@SUBJECT.says
def a_broken_ledger(lab: Lab) -> None:
    """A connection of the ledger that breaks while Mailgun answers is opened anew."""
    # More options than Mailgun takes.
    refused = {"headers": str({"X-Mailgun-Track": "x" * 20_000})}
    for values, fate in (
        ({}, ("accepted", "sent")),
        (refused, ("failed", "exception")),
    ):
        mails = lab.write(lab.new("Broken"), *lab.addresses(1), **values)
        lab.mailgun.fail({"path": "messages", "delay": 2, "count": 1})
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(lab.send, mails)
            lab.steps.wait_for(
                "the ledger's connection to be cut",
                lambda: lab.value(_CUT_LEDGER, lab.database),
            )
            sending.result()
        ((_who, state),) = lab.deliveries(mails)
        same("delivery and mail", (state, *lab.states(mails)), fate)


@SUBJECT.says
def two_servers_at_once(lab: Lab) -> None:
    """Two servers that send the same mails at the same time send each of them once."""
    subject, people = lab.new("Two servers"), lab.addresses(30)
    mails = lab.write(subject, *people)
    # So that both are at it.
    lab.mailgun.fail({"path": "messages", "delay": 0.1})
    second = lab.server("second", f"http://{HOST}:{free_port()}")
    second.start(lab.steps)
    try:
        admins = lab.admin, lab.log_in(second.url)
        _together(*(lambda one=one: _send_all(one, mails) for one in admins))
    finally:
        second.stop()
    same("states", set(lab.states(mails)), {"sent"})
    given = [mail["recipients"] for mail in lab.mailgun.given(subject)]
    same("recipients", sorted(given), sorted([one] for one in people))


@SUBJECT.says
def sent_by_another_meanwhile(lab: Lab) -> None:
    """A mail that another one has sent meanwhile is sent once, without an error."""
    subject = lab.new("Meanwhile")
    mails = lab.write(subject, *lab.addresses(1))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(lab.inside, _SEND_LATER, mails=mails)
        lab.steps.wait_for("it to begin", lambda: lab.value(_SLEEPING, lab.database))
        lab.send(mails)
        late.result()
    same("states", lab.states(mails), ["sent"])
    same("mails given to Mailgun", len(lab.mailgun.given(subject)), 1)
    same("errors", lab.odoo.log.read_text().count("could not serialize"), 0)


_SLEEPING = """SELECT count(*) FROM pg_stat_activity
                WHERE datname = %s AND query LIKE 'SELECT pg_sleep%%'
                  AND state = 'active'"""
_SEND_LATER = """
found = env["mail.mail"].browse(mails)
if found.mapped("state") == ["outgoing"]:
    env.cr.execute("SELECT pg_sleep(3)")
found.send()
"""

_LET_A_DAY_PASS = """
    UPDATE mail_mail
       SET mailgun_wait_since = mailgun_wait_since - interval '2 days',
           mailgun_give_up_at = mailgun_give_up_at - interval '2 days'
     WHERE id = ANY(%s)"""

_LET_TIME_PASS = """
    UPDATE mail_mail SET scheduled_date = now() AT TIME ZONE 'UTC' - interval '1 second'
     WHERE id = ANY(%s)"""

_MAKE_AND_SEND = """\
mail = env["mail.mail"].create({
    "subject": subject,
    "email_from": "sales@mail.example.com",
    "email_to": to,
    "body_html": "<p>Our offer</p>",
    "auto_delete": delete,
})
found = mail.id
mail.send()
"""


def _notified(lab: Lab, message: int) -> dict[int, str]:
    sql = """SELECT res_partner_id, notification_status FROM mail_notification
              WHERE mail_message_id = %s"""
    return dict(lab.rows(sql, message))


def _send_all(admin, mails: list[int]) -> None:
    admin.call("mail.mail", "send", mails, auto_commit=True)


def _together(*works) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
