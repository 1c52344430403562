from datetime import timedelta
from unittest import SkipTest

from odoo import fields
from odoo.tests import TransactionCase, tagged

from .common import DOMAIN, MailgunMixin


@tagged("post_install", "-at_install")
class TestPrivacy(MailgunMixin, TransactionCase):
    """Odoo's search for personal data, where its module is installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "privacy.lookup.wizard" not in cls.env:
            raise SkipTest("the module privacy_lookup is not installed")
        now = fields.Datetime.now()
        own = {"domain_id": cls.domain.id}
        anna = {**own, "recipient": "anna@example.org"}
        cls.records = {
            "mailgun.delivery": {**anna, "message_id": "<1@x>", "sending_at": now},
            "mailgun.event": {
                **anna,
                "event_id": "e1",
                "event": "delivered",
                "occurred_at": now,
                "day": now.date(),
            },
            "mailgun.inbound.email": {
                **own,
                # As the envelope says it.
                "sender": "Anna@Example.org",
                "recipient": f"people@{DOMAIN}",
                "state": "done",
            },
            "mailgun.unsubscribe": {**own, "email_normalized": "anna@example.org"},
            "mailgun.suppression": {
                **own,
                "list_name": "bounces",
                "address": "anna@example.org",
                "seen_at": now,
            },
        }
        for name, values in cls.records.items():
            cls.env[name].create(values)
        later = now + timedelta(minutes=1)
        other = {"message_id": "<2@x>", "sending_at": later}
        cls.env["mailgun.delivery"].create(
            {**own, **other, "recipient": "joanna@example.org"}
        )

    def look_up(self, email="Anna@Example.org"):
        wizard = self.env["privacy.lookup.wizard"].create(
            {"name": "Anna", "email": email}
        )
        wizard.action_lookup()
        return wizard.line_ids.filtered(lambda line: "mailgun" in line.res_model)

    def test_it_finds_the_address_in_all_our_tables(self):
        lines = self.look_up()
        self.assertEqual(set(lines.mapped("res_model")), set(self.records))
        self.assertEqual(len(lines), len(self.records))

    def test_it_finds_a_domain_in_both_its_spellings(self):
        address = "anna@xn--bcher-kva.example"
        self.env["mailgun.delivery"].search([], limit=1).recipient = address
        for email in (address, "Anna@Bücher.example"):
            (line,) = self.look_up(email)
            self.assertEqual(line.res_model, "mailgun.delivery")

    def test_what_it_found_can_be_deleted_there(self):
        self.look_up().action_unlink_all()
        self.assertFalse(self.look_up())
        self.assertTrue(self.look_up("joanna@example.org"))

    def test_it_finds_nothing_of_who_is_not_there(self):
        self.assertFalse(self.look_up("nobody@example.org"))

    def test_the_search_is_extended_once_however_often_models_are_set_up(self):
        for _time in range(2):
            self.registry._setup_models__(self.env.cr, [])
        self.assertEqual(len(self.look_up()), len(self.records))
