import json
from email.message import EmailMessage

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.addresses import normalize
from odoo.addons.mail_mailgun.tools.api.send_options import (
    Options,
    clean_tags,
    take_options,
)


def message(**headers):
    mail = EmailMessage()
    mail["Subject"] = "Our offer"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    return mail


@tagged("mailgun_tools")
class TestSendOptions(BaseCase):
    def test_a_plain_message_travels_as_it_is_with_our_reference(self):
        mail = message(List_Unsubscribe="<https://example.com/x>")
        sent, fields = take_options(mail, Options(), "ref")
        self.assertIs(sent, mail)
        self.assertEqual(fields, {"v:odoo": "ref"})

    def test_headers_that_mean_an_option_become_one(self):
        mail = message(X_Mailgun_Track_Clicks="no", X_Mailgun_Tag="invoice")
        sent, fields = take_options(
            mail, Options().with_fields(tracking_clicks="yes"), ""
        )
        self.assertEqual(fields, {"o:tracking-clicks": "no", "o:tag": ["invoice"]})
        self.assertEqual(sent.keys(), ["Subject"])
        self.assertIn("X-Mailgun-Tag", mail)

    def test_what_else_is_called_mailgun_steers_nothing(self):
        mail = message(X_Mailgun_Sending_Ip="192.0.2.1", X_MAILGUN_Dkim="no")
        sent, fields = take_options(mail, Options(), "ref")
        self.assertEqual(sent.keys(), ["Subject"])
        self.assertEqual(fields, {"v:odoo": "ref"})

    def test_variables_of_other_modules_stay_with_ours_among_them(self):
        mail = message(X_Mailgun_Variables=json.dumps({"theirs": {"a": 1}}))
        sent, fields = take_options(mail, Options(), "ref")
        self.assertEqual(
            json.loads(sent["X-Mailgun-Variables"]),
            {"theirs": {"a": 1}, "odoo": "ref"},
        )
        self.assertEqual(fields, {})

    def test_variables_that_are_no_json_do_not_stop_ours(self):
        for text in ("{", "[1]"):
            sent, fields = take_options(
                message(X_Mailgun_Variables=text), Options(), "ref"
            )
            self.assertEqual(fields, {"v:odoo": "ref"})
            self.assertNotIn("X-Mailgun-Variables", sent)

    def test_tags_are_what_mailgun_takes(self):
        tags = ["crm.lead", "CRM.lead", "Grüße", "", "x" * 200, "one too many"]
        self.assertEqual(clean_tags(tags), ["CRM.lead", "Gre", "x" * 128])

    def test_addresses_that_mean_one_mailbox_are_one(self):
        for text in ("Bob@Example.ORG", " <bob@example.org> "):
            self.assertEqual(normalize(text), "bob@example.org")
        self.assertEqual(normalize("a@Bücher.example"), "a@xn--bcher-kva.example")
