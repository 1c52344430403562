"""What a mail that is sent costs PostgreSQL, in statements.

Core's SMTP takes 11 for a plain mail and 22 for a message of the chatter.
"""

from collections.abc import Callable

from ..lab import statements
from ..lab.lab import Lab
from ..servers.sentences import Subject, true

SUBJECT = Subject("cost")

_MAILS = 96
_HELD_SECONDS = 30
_PLAIN, _CHATTER = 20, 35


@SUBJECT.says
def a_plain_mail(lab: Lab) -> None:
    """A mail of the queue takes at most 20 statements, those of the ledger included."""
    lab.once(_prove_events)
    subject, people = lab.new("Cost"), lab.addresses(_MAILS)
    mails = lab.write(subject, *people)
    # Events are another request's statements, so none is posted until all is sent.
    lab.mailgun.fail(reverse_events=_HELD_SECONDS)
    _measure(lab, mails, lambda: not lab.left(mails), _PLAIN)


@SUBJECT.says
def a_chatter_message(lab: Lab) -> None:
    """A message of the chatter takes at most 35, those of its events included."""
    lab.once(_prove_events)
    subject, code = lab.new("Cost"), _MESSAGES
    mails = lab.inside(code, subject=subject, count=_MAILS)
    sql = """SELECT count(*) FROM mail_notification
              WHERE mail_mail_id = ANY(%s) AND notification_status = 'sent'"""
    _measure(lab, mails, lambda: lab.value(sql, mails) == _MAILS, _CHATTER)


def _prove_events(lab: Lab) -> None:
    """Have an event arrive: from then on a mail is shown as on its way until told."""
    mails = lab.write(lab.new("Cost"), *lab.addresses(1))
    lab.send(mails)
    lab.apply_events()


def _measure(lab: Lab, mails: list[int], is_done: Callable, most: int) -> None:
    """Have the queue send mails, and count what Odoo asks PostgreSQL for until then."""
    lab.execute(_OTHER_JOBS, False)
    try:
        with statements.logged(lab.postgres_env) as found:
            lab.wake()
            lab.wait_for_jobs("mails", is_done)
    finally:
        lab.execute(_OTHER_JOBS, True)
    each = len(found) / len(mails)
    lab.steps.say(f"{each:.1f} statements for each mail")
    true(f"{each:.1f} statements for each mail", each <= most)


_OTHER_JOBS = """UPDATE ir_cron SET active = %s WHERE cron_name NOT IN
                 ('Mail: Email Queue Manager', 'Mailgun: apply events')"""

_MESSAGES = """
contacts = env["res.partner"].create([
    {"name": one, "email": one}
    for one in [f"{subject}.{number}@customer.test" for number in range(count)]
])
for contact in contacts:
    contact.with_context(mail_notify_force_send=False).message_post(
        body="Our offer",
        subject=subject,
        message_type="comment",
        subtype_xmlid="mail.mt_comment",
        partner_ids=contact.ids,
        mail_auto_delete=False,
    )
found = env["mail.mail"].search([("subject", "=", subject)]).ids
"""
