import email
import email.policy
from unittest import SkipTest
from urllib.parse import urlsplit

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import MailgunSendingCase
from .test_suppressions import SuppressionCase

ONE_CLICK = {
    "List-Unsubscribe": "<https://odoo.example.com/mailing/1/unsubscribe_oneclick?a=b>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def arrived(seen):
    """The message of a POST as it arrived at Mailgun."""
    (file,) = seen.form[1].getlist("message")
    return email.message_from_bytes(file.read(), policy=email.policy.default)


@tagged("post_install", "-at_install")
class TestOneClick(MailgunSendingCase):
    def test_the_headers_of_one_click_unsubscribing_arrive_unchanged(self):
        mail = self.env["mail.mail"].create(
            {
                "email_from": "news@mail.example.com",
                "email_to": "anna@example.org",
                "subject": "News",
                "body_html": "<p>News</p>",
                "headers": repr({**ONE_CLICK, "Precedence": "list"}),
            }
        )
        mail.send()
        (seen,) = self.mailgun.seen
        message = arrived(seen)
        for name, value in ONE_CLICK.items():
            # A long one is folded behind its name.
            self.assertEqual([one.strip() for one in message.get_all(name)], [value])
        self.assertFalse([name for name in seen.form[0] if name.startswith("h:")])


@tagged("post_install", "-at_install", "mailgun_mailings")
class TestNewsletters(SuppressionCase, HttpCase):
    """Newsletters and invoices to one customer, in a database with mass_mailing."""

    # Each test enters it by itself.
    registry_test_mode = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "mailing.mailing" not in cls.env:
            raise SkipTest("the module mass_mailing is not installed")

    def setUp(self):
        super().setUp()
        # The link leads to this very server.
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("web.base.url", self.base_url())

    def newsletter(self):
        """Send one to Anna; return what arrived at Mailgun."""
        self.mailgun.seen.clear()
        mailing = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "email_from": "news@mail.example.com",
                "reply_to_mode": "new",
                "reply_to": "news@mail.example.com",
                "body_html": "<p>News</p>",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "mailing_domain": repr([("id", "=", self.anna.id)]),
            }
        )
        mailing.action_send_mail()
        return [arrived(seen) for seen in self.mailgun.seen if seen.method == "POST"]

    def invoice(self):
        """Send one to Anna; return whom Mailgun got it for."""
        self.mailgun.seen.clear()
        self.sent()
        return self.posts()

    def test_who_unsubscribes_by_one_click_still_gets_invoices(self):
        (message,) = self.newsletter()
        self.assertEqual(
            message["List-Unsubscribe-Post"], ONE_CLICK["List-Unsubscribe-Post"]
        )
        url = urlsplit(message["List-Unsubscribe"].strip("<>"))
        self.assertIn("unsubscribe_oneclick", url.path)
        # As mail programs do it (RFC 8058).
        with mute_logger("odoo.http"):
            response = self.url_open(
                f"{url.path}?{url.query}", data={"List-Unsubscribe": "One-Click"}
            )
        self.assertEqual(response.status_code, 200)
        self.assertTrue(self.blacklisted())
        self.ask()
        self.assertEqual(self.newsletter(), [])
        self.assertEqual(self.invoice(), [["anna@example.org"]])
        self.assertFalse(any(self.mailgun.suppressed.values()))

    def test_who_unsubscribes_at_mailgun_gets_no_newsletters_from_odoo(self):
        self.suppress("unsubscribes", tags=["*"])
        self.ask()
        self.assertEqual(self.newsletter(), [])
        self.assertEqual(self.invoice(), [["anna@example.org"]])

    def test_a_bounce_counts_for_the_mailing_too(self):
        self.newsletter()
        self.suppress("bounces", error="No such user")
        self.ask()
        trace = self.env["mailing.trace"].search([("email", "=", "anna@example.org")])
        self.assertEqual(trace.trace_status, "bounce")
        self.assertEqual(self.anna.message_bounce, 1)
