from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import DOMAIN, MailgunRoutingCase
from .test_inbound_routing import JOURNAL

NOBODY = f"nobody@{DOMAIN}"
PROVEN = {"X_Mailgun_Spf": "Pass"}


@tagged("post_install", "-at_install")
class TestInboundReplies(MailgunRoutingCase):
    """Who gets an answer, and who never does."""

    def setUp(self):
        super().setUp()
        self.domain.spam_action = "tag"
        self.domain.answer_unknown = True
        self.mails = self.env["mail.mail"].search([])

    def send(self, number=1, recipient=NOBODY, **headers):
        return self.receive(
            to=recipient,
            recipient=recipient,
            message_id=f"<{number}@example.org>",
            token=f"token-{number}",
            **headers,
        )

    def answers(self):
        return self.env["mail.mail"].search([]) - self.mails

    def test_a_proven_sender_is_told_that_there_is_no_such_address(self):
        row = self.send(**PROVEN)
        self.assertEqual(row.state, "unrouted")
        (answer,) = self.answers()
        self.assertEqual(answer.email_to, "customer@example.org")
        self.assertIn(NOBODY, answer.body_html)
        self.assertIn("auto-replied", answer.headers)

    def test_only_once_a_day(self):
        for number in range(3):
            self.send(number, **PROVEN)
        self.assertEqual(len(self.answers()), 1)

    def test_only_where_the_domain_wants_it(self):
        self.domain.answer_unknown = False
        self.send(**PROVEN)
        self.assertFalse(self.answers())

    def test_an_unproven_sender_gets_no_answer(self):
        self.send(X_Mailgun_Spf="Fail")
        self.domain.spam_action = "disabled"
        self.send(2, **PROVEN)
        self.assertFalse(self.answers())

    def test_a_forged_sender_gets_no_answer_for_a_genuine_signature(self):
        passed = {"X_Mailgun_Spf": "Fail", "X_Mailgun_Dkim_Check_Result": "Pass"}
        self.send(**passed, DKIM_Signature="v=1; d=spammer.example.net; s=one")
        self.assertFalse(self.answers())
        self.send(2, **passed, DKIM_Signature="v=1; d=example.org; s=one")
        self.assertEqual(len(self.answers()), 1)

    def test_programs_get_no_answer(self):
        for number, headers in enumerate(
            (
                {"Auto_Submitted": "auto-replied"},
                {"Precedence": "bulk"},
                {"List_Id": "<news.example.org>"},
                {"X_Auto_Response_Suppress": "All"},
            )
        ):
            self.send(number, **PROVEN, **headers)
        self.send(9, sender="", **PROVEN)
        self.assertFalse(self.answers())

    def test_a_program_that_writes_to_the_catchall_is_not_told(self):
        row = self.send(recipient=f"catchall@{DOMAIN}", Auto_Submitted="auto-replied")
        self.assertEqual(row.state, "ignored")
        self.assertIn("was not told", row.error)
        self.assertFalse(self.answers())

    @mute_logger(JOURNAL)
    def test_cores_own_answers_spare_programs_too(self):
        for submitted, answers in (("auto-generated", 0), ("no", 1)):
            with (
                self.failing(ValidationError("A name is required")),
                self.mock_mail_gateway(),
            ):
                to = f"people@{DOMAIN}"
                row = self.send(submitted, to, Auto_Submitted=submitted)
            self.assertEqual(row.state, "failed")
            self.assertEqual(len(self._new_mails), answers, submitted)

    def test_a_sender_is_allowed_for_good(self):
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "1")
        self.send(1, f"people@{DOMAIN}")
        row = self.send(2, f"people@{DOMAIN}")
        self.assertTrue(row.is_looping)
        row.action_allow_sender()
        self.work()
        self.assertEqual(row.state, "done")
        self.assertEqual(self.send(3, f"people@{DOMAIN}").state, "done")
