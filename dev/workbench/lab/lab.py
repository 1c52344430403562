"""What a check works with, and what checks do over and over."""

import itertools
import time
from collections.abc import Callable

from ..machine.steps import Steps
from ..servers.sentences import TROUBLES, NotChecked, Wrong
from ..sinks.smtp import SmtpSink
from .lab_odoo import LabOdoo
from .outside import Outside

_QUEUE = "mail.ir_cron_mail_scheduler_action"
_MAKE_ALIAS = """
env["mail.alias"].create({
    "alias_name": name,
    "alias_domain_id": env["mail.alias.domain"].search([("name", "=", domain)]).id,
    "alias_model_id": env.ref("base.model_res_partner").id,
    "alias_contact": "everyone",
})
"""
_NUDGE = "SELECT pg_notify('cron_trigger', %s)"


class Lab(LabOdoo):
    """A running Odoo and everything around it.

    :param mailgun: the local Mailgun
    :param sink: a mail server that takes everything
    """

    def __init__(
        self,
        steps: Steps,
        postgres_env: dict[str, str],
        database: str,
        mailgun: Outside,
        sink: SmtpSink,
    ):
        super().__init__(steps, postgres_env, database, mailgun.url)
        self.mailgun = mailgun
        self.sink = sink
        self._played: dict[Callable, tuple] = {}
        self._numbers = itertools.count(1)

    def once(self, scene: Callable):
        """Return what a scene makes of this lab, played only once; so is failing."""
        if scene not in self._played:
            try:
                self._played[scene] = scene(self), None
            except (NotChecked, Wrong, *TROUBLES) as error:
                self._played[scene] = None, error
        result, error = self._played[scene]
        if error:
            raise error
        return result

    def new(self, label: str) -> str:
        """Return a text that nobody else uses, for a subject or an address."""
        return f"{label}-{next(self._numbers)}"

    def write(self, subject: str, *recipients: str, **values) -> list[int]:
        """Put a mail to each recipient into the queue; return their ids."""
        mails = [
            {
                "subject": subject,
                "email_from": "sales@mail.example.com",
                "email_to": recipient,
                "body_html": "<p>Our offer</p>",
                **values,
            }
            for recipient in recipients
        ]
        return self.admin.call("mail.mail", "create", mails)

    def addresses(self, count: int) -> list[str]:
        """Return addresses that nobody else uses."""
        return [f"{self.new('customer')}@customer.test" for _number in range(count)]

    def contacts(self, *emails: str) -> list[int]:
        """Return new contacts with these addresses."""
        values = [{"name": email.partition("@")[0], "email": email} for email in emails]
        return self.admin.call("res.partner", "create", values)

    def alias_of_contacts(self, name: str, domain: str) -> str:
        """Return a new address, each mail to which makes a contact."""
        self.inside(_MAKE_ALIAS, name=name, domain=domain)
        return f"{name}@{domain}"

    def post(self, subject: str, contacts: list[int]) -> int:
        """Write to contacts in the chatter of the first; return the message."""
        (message,) = self.admin.call(
            "res.partner",
            "message_post",
            contacts[:1],
            body="Our offer",
            subject=subject,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            partner_ids=contacts,
        )
        return message

    def send(self, mails: list[int], **options) -> None:
        """Send mails as a user does who presses Send Now."""
        self.admin.call("mail.mail", "send", mails, **options)

    def send_soon(self, mails: list[int]) -> None:
        """Send mails that the queue was woken for, which may be at them already."""
        self.send(mails)
        self.wait_until_sent(mails)

    def wait_until_sent(self, mails: list[int]) -> None:
        """Wait for whoever is sending mails."""
        self.steps.wait_for("the mail to be sent", lambda: not self.left(mails))

    def wake(self) -> None:
        """Have the scheduler run the mail queue now."""
        self.inside(f"env.ref({_QUEUE!r})._trigger()")

    def wait_for_jobs(self, what: str, find: Callable, timeout: float = 60):
        """Wait for what the scheduler does, and see to it that it looks around.

        By itself it does so a minute after its start, and it may have been killed since
        it was woken.

        :param what: completes "waiting for ..."
        """

        nudged = 0.0

        def nudge_and_find():
            nonlocal nudged
            if time.monotonic() - nudged > 1:
                self.execute_in("postgres", _NUDGE, self.database)
                nudged = time.monotonic()
            return find()

        return self.steps.wait_for(what, nudge_and_find, timeout)

    def apply_events(self) -> None:
        """Wait until Odoo was told of all events, and has applied them."""
        self.steps.wait_for("events to be posted", self.mailgun.is_told)
        self.steps.wait_for("events to be applied", self._apply_events)

    def settle(self) -> None:
        """Ask about mail in doubt as if an hour had passed."""
        self.execute(
            """UPDATE mailgun_delivery
                  SET sending_at = sending_at - interval '1 hour',
                      asked_since = asked_since - interval '1 hour',
                      asked_at = asked_at - interval '1 hour'
                WHERE state = 'sending'"""
        )
        self.apply_events()

    def settle_all(self) -> None:
        """Let hours pass until nothing is in doubt; a sender at work holds it up."""

        def is_settled():
            self.settle()
            # What belongs to no mail any more is not asked about.
            sql = """SELECT count(*) FROM mailgun_delivery
                      WHERE state = 'sending' AND id IN (
                     SELECT row FROM mailgun_open_row WHERE kind = 'sending')"""
            return self.value(sql) == 0

        self.steps.wait_for("doubt to be settled", is_settled)

    def _apply_events(self) -> bool:
        self.inside("env['mailgun.event']._process_queue()")
        sql = "SELECT count(*) FROM mailgun_event WHERE state = 'pending'"
        return self.value(sql) == 0

    def tidy(self) -> None:
        """Leave nothing behind that could disturb the next sentence."""
        self.mailgun.fail()
        self.execute("UPDATE mail_mail SET state = 'cancel' WHERE state = 'outgoing'")
        if not self.odoo or self.odoo.has_ended():
            self.start(*self._arguments)
