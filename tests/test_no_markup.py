"""What strangers and Mailgun write is text wherever people read it."""

import json
from datetime import timedelta
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import DOMAIN, MailgunHttpCase
from .test_attachment_type import WINDOWS
from .test_connect import ConnectCase
from .test_event_apply import EventCase
from .test_inbound_routing import JOURNAL

EVIL = '<a href="https://evil.example">x</a><img src="x" onerror="alert(1)">'
ANNA = "anna@colleague.example.com"
PEOPLE = f"people@{DOMAIN}"


class MarkupMixin:
    """Looks at all HTML that people get to see."""

    def assert_only_text(self, *models, words=()):
        """Find the words in the HTML fields of these models, and nothing alive."""
        self.env.invalidate_all()
        seen = ""
        for model in models:
            records = self.env[model].search([])
            kinds = records.fields_get(attributes=["type"])
            for name in (name for name in kinds if kinds[name]["type"] == "html"):
                for value in records.mapped(name):
                    self.assert_dead(value or "")
                    seen += value or ""
        for word in words:
            self.assertIn(word, seen)

    def assert_dead(self, value):
        for element in html.fragment_fromstring(value, "div").iter():
            self.assertNotIn(element.tag, ("img", "script"), value)
            self.assertNotIn("evil", element.get("href", ""), value)
            self.assertFalse([name for name in element.attrib if name[:2] == "on"])


@tagged("post_install", "-at_install")
class TestStrangersWriteNoMarkup(MarkupMixin, MailgunHttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain.write({"spam_action": "tag", "answer_unknown": True})
        cls.env.ref("base.user_admin").partner_id.email = ANNA

    def post_mail(self, number, recipient=PEOPLE, files=None):
        """Post a mail with markup in all that its sender writes; return its row."""
        headers = {
            "From": f'"<img src=x onerror=alert(1)>" <{ANNA}>',
            "To": recipient,
            "Subject": EVIL,
            "Message-Id": f"<{number}{EVIL}@example.org>",
            "X-Mailgun-Sflag": "Yes",
        }
        response = self.post(
            "/mailgun/inbound",
            files=files,
            recipient=recipient,
            sender=f"{EVIL}@example.org",
            body_mime=None,
            body_plain="How much is it?",
            message_headers=json.dumps(list(headers.items())),
        )
        self.assertEqual(response.status_code, 200)
        return self.journal.search([], limit=1)

    def test_in_a_failure_that_repeats_the_mails_words(self):
        contacts = self.registry["res.partner"]
        error = ValidationError(EVIL)
        with (
            patch.object(contacts, "message_new", side_effect=error, create=True),
            mute_logger(JOURNAL),
        ):
            row = self.post_mail(1)
        self.assertEqual(row.state, "failed")
        self.assert_only_text("mail.activity", words=["onerror", "press Retry"])

    def test_in_the_name_of_a_colleague_and_of_a_dangerous_file(self):
        files = {"attachment-1": (f"{EVIL}.exe", WINDOWS)}
        for number, policy in enumerate(("mark", "hold")):
            self.domain.attachment_policy = policy
            row = self.post_mail(number, files=files)
            self.assertEqual(row.state, "done", row.error)
        row.held_attachment_ids.action_release()
        said = ("Be careful with", "held back", "Released", "not proven", "spam")
        models = ("mail.message", "mail.activity", "mail.mail")
        self.assert_only_text(*models, words=[*said, "onerror"])

    def test_in_addresses_that_do_not_exist(self):
        row = self.post_mail(1, f"nobody@{DOMAIN}")
        row.write({"sender": f"{EVIL}@example.org", "recipient": f"{EVIL}@{DOMAIN}"})
        self.journal._send_digest(self.domain)
        row._compose_unknown()
        said = ("No record and no alias", "there is no address", "onerror")
        self.assert_only_text("mail.message", "mail.mail", words=said)


@tagged("post_install", "-at_install")
class TestMailgunWritesNoMarkup(MarkupMixin, ConnectCase):
    def test_in_what_it_answers_to_the_daily_check(self):
        domain = self.connect()
        self.registry_enter_test_mode()
        troubles = ("check_trouble", "route_trouble", "sending_trouble", "refusal")
        domain.write(dict.fromkeys(troubles, EVIL))
        alarms = self.env["mailgun.alarm"]
        alarms._judge_all()
        # Told is only what lasts.
        alarms.search([]).since = fields.Datetime.now() - timedelta(days=1)
        self.env.flush_all()
        alarms._judge_all()
        models = ("mail.activity", "mailgun.domain", "mail.message")
        self.assert_only_text(*models, words=["onerror"])


@tagged("post_install", "-at_install")
class TestMailboxesWriteNoMarkup(MarkupMixin, EventCase):
    def test_in_the_reason_of_a_bounce(self):
        status = {"code": 550, "message": EVIL}
        self.tell(
            self.sent(),
            "failed",
            severity="permanent",
            reason="bounce",
            **{"delivery-status": status},
        )
        self.apply()
        models = ("mailgun.delivery", "mailgun.domain", "mail.message", "mail.mail")
        self.assert_only_text(*models, words=["onerror"])
