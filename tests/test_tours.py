import unittest

from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .sandbox_case import SANDBOX, WITHOUT_SANDBOX, SandboxCase

DOMAIN = "mail.example.com"
CUSTOMER = "customer@customer.test"
GONE = "gone@customer.test"


@tagged("post_install", "-at_install")
@unittest.skipUnless(SANDBOX, WITHOUT_SANDBOX)
class TestTours(SandboxCase):
    """What people click, in a real browser, with a Mailgun that answers and posts."""

    def test_an_administrator_connects_a_domain_and_proves_it(self):
        # As if a server ran scheduled actions, which a test's does not.
        self.env.ref("mail_mailgun.ir_cron_events").lastcall = fields.Datetime.now()
        self.start_tour("/odoo/settings", "mail_mailgun_connect", login="admin")
        self.env.invalidate_all()
        domain = self.env["mailgun.domain"].search([("name", "=", DOMAIN)])
        self.assertEqual((domain.state, domain.key_kind), ("ready", "api"))
        trip = self.env["mailgun.round.trip"].search([], limit=1)
        self.assertEqual((trip.state, trip.remedy), ("done", False))

    def test_an_administrator_sets_a_domain_up_by_hand(self):
        url = "/odoo/action-mail_mailgun.mailgun_domain_action"
        self.start_tour(url, "mail_mailgun_by_hand", login="admin")
        self.env.invalidate_all()
        domain = self.env["mailgun.domain"].search([("name", "=", DOMAIN)])
        self.assertEqual((domain.state, domain.key_kind), ("ready", "api"))
        self.assertTrue(domain.mail_server_ids and domain.incoming_server_ids)

    def test_a_message_reaches_the_customer_and_the_reply_the_chatter(self):
        self.connect()
        partner = self.env["res.partner"].create(
            {"name": "Customer", "email": CUSTOMER}
        )
        self.env["ir.config_parameter"].set_param("mail.mail_force_send_limit", "100")
        url = f"/odoo/res.partner/{partner.id}"
        self.start_tour(url, "mail_mailgun_send", login="admin")
        self.settle()
        (mail,) = self.ask_sandbox("mails", mailbox=CUSTOMER)
        with self.allow_requests(all_requests=True):
            self.world.post(
                f"{SANDBOX}/sandbox/mails/{mail['id']}/reply",
                json={"text": "Three hundred, please."},
            )
        self.settle()
        row = self.env["mailgun.inbound.email"].search([], limit=1)
        self.assertEqual((row.state, row.error), ("done", False))
        self.start_tour(url, "mail_mailgun_reply", login="admin")

    def test_a_salesman_finds_out_why_a_mail_came_back(self):
        self.connect()
        groups = "base.group_user,base.group_partner_manager"
        salesman = new_test_user(self.env, "salesman", groups)
        partner = self.env["res.partner"].create({"name": "Gone", "email": GONE})
        self.tell_sandbox(f"mailboxes/{GONE}", answer="bounced")
        partner.with_user(salesman).message_post(
            body="Our offer",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            partner_ids=partner.ids,
        )
        # As a commit does: what the browser is told of the message comes first.
        self.env.cr.flush()
        self.settle()
        self.env["mailgun.event"]._process_queue()
        url = f"/odoo/res.partner/{partner.id}"
        self.start_tour(url, "mail_mailgun_story", login="salesman")

    def test_an_administrator_is_asked_before_mail_goes_out_twice(self):
        mails = self.env["mail.mail"].create(
            [
                {"email_to": CUSTOMER, "subject": subject, "state": "exception", **more}
                for subject, more in (
                    ("Refused", {}),
                    (
                        "In doubt",
                        {
                            "mailgun_wait": "uncertain",
                            "failure_reason": "Nobody can tell whether it was taken.",
                        },
                    ),
                )
            ]
        )
        url = "/odoo/action-mail.action_view_mail_mail"
        self.start_tour(url, "mail_mailgun_decide", login="admin")
        self.env.invalidate_all()
        self.assertEqual(mails.mapped("state"), ["outgoing"] * 2)
        self.assertEqual(mails.mapped("mailgun_attempt"), [2, 2])

    @mute_logger("odoo.addons.mail.models.mail_mail")
    def test_an_administrator_sends_mail_that_waits(self):
        self.connect()
        mail = self.env["mail.mail"].create(
            {"email_to": CUSTOMER, "subject": "Our offer", "body_html": "<p>text</p>"}
        )
        limit = {"path": "messages", "answer": 429, "count": 1}
        self.tell_sandbox("faults", requests=[limit])
        # As if the transaction that made it were over.
        mail._mailgun_forget_new()
        mail.send()
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "wait"))
        url = f"/odoo/mail.mail/{mail.id}"
        self.start_tour(url, "mail_mailgun_waiting", login="admin")
        self.env.invalidate_all()
        mail.process_email_queue()
        self.settle()
        self.assertEqual((mail.state, mail.mailgun_wait), ("sent", False))
        (delivery,) = mail.mailgun_delivery_ids
        self.assertEqual(delivery.recipient, CUSTOMER)
