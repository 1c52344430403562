import time

from odoo.tests import tagged

from odoo.addons.mail_mailgun.const import LONGEST_WAIT
from odoo.addons.mail_mailgun.tools.api.client import MailgunClient, MimeBody
from odoo.addons.mail_mailgun.tools.api.management import Management
from odoo.addons.mail_mailgun.tools.api.record import Query, Record
from odoo.addons.mail_mailgun.tools.api.suppressions import SuppressionLists
from odoo.addons.mail_mailgun.tools.errors import (
    ApiError,
    DoubtfulError,
    NotThere,
    RefusedMessage,
    SettingError,
)

from .test_management import DOMAIN, ManagementCase

# Who alone may stop the mail of others: 401, 402, 403, 404 and 407 in a known shape, or
# words about the domain.
_STOPPING = ("Forbidden", "not found", "not allowed to send", "probation")


@tagged("mailgun_tools")
class TestAnyAnswer(ManagementCase):
    @classmethod
    def setUpClass(cls):
        # Where hypothesis is missing this class is skipped, and no other.
        from . import any_answer

        super().setUpClass()
        cls.any_answer = any_answer

    def ask(self, answer, call):
        """Return what a call makes of an answer: its error, or None."""
        status, body, headers = answer
        self.mailgun.answers.clear()
        for _try in range(4):
            self.mailgun.answer(status, body, headers)
        with MailgunClient("us", "key") as client:
            try:
                call(client)
            except ApiError as error:
                self.check_sentence(error)
                return error
        return None

    def check_sentence(self, error):
        text = str(error) + error.detail
        text.encode()
        self.assertNotIn("\0", text)
        self.assertNotIn("<html", text)
        self.assertLess(len(text), 2000)
        wait = getattr(error, "retry_at", 0.0)
        self.assertLessEqual(wait, time.time() + LONGEST_WAIT)

    def send(self, client):
        client.send_mime(DOMAIN, MimeBody(b"Subject: x\r\n\r\n", ["a@example.org"]))

    def test_no_answer_makes_sending_raise_anything_else(self):
        @self.any_answer.for_any_answer(120)
        def check(answer):
            error = self.ask(answer, self.send)
            status, body = answer[:2]
            self.assertIsInstance(error, ApiError)
            self.assertEqual(isinstance(error, DoubtfulError), status >= 500)
            if isinstance(error, RefusedMessage):
                self.assertIn(status, (*range(400, 403), 403, 413, *range(404, 500)))
                self.assertTrue(status == 413 or error.detail)
                self.assertTrue(status == 413 or body.lstrip().startswith(b"{"))
            if isinstance(error, SettingError) and status not in (401, 402, 407):
                self.assertTrue(any(word in error.detail for word in _STOPPING))
            self.assertNotIsInstance(error, NotThere)

        check()

    def test_no_answer_but_mailguns_own_counts_as_taken(self):
        statuses = self.any_answer.strategies.integers(200, 299)

        @self.any_answer.for_any_answer(50, statuses=statuses)
        def check(answer):
            error = self.ask(answer, self.send)
            self.assertTrue(error or b'"id"' in answer[1])

        check()

    def test_no_answer_proves_an_absence_but_mailguns_own(self):
        questions = (
            lambda client: Management(client).match_route("a@example.org"),
            lambda client: Management(client).list_domains(),
            lambda client: SuppressionLists(client, DOMAIN).find("bounces", "a@x.org"),
            lambda client: SuppressionLists(client, DOMAIN).page("bounces"),
            lambda client: list(Record(client, DOMAIN).read(Query(1))),
            lambda client: client.check_sending(DOMAIN),
        )

        @self.any_answer.for_any_answer(25)
        def check(answer):
            for question in questions:
                if self.ask(answer, question) is None:
                    # Taken for an answer: then in these words, or Mailgun's 400.
                    words = (b"Route not found", b"parameter is")
                    self.assertTrue(any(word in answer[1] for word in words), answer)

        check()
