import time
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_missed_events import AskingCase

CORE = "odoo.addons.mail.models.mail_mail"
ELSEWHERE = "0/0"


@tagged("post_install", "-at_install")
class TestRestored(AskingCase):
    """A database that was restored from a dump sends on, once a person has said so."""

    def setUp(self):
        super().setUp()
        self.domain.key_kind = "api"

    def restore(self):
        """Go on in a database that PostgreSQL has another number for."""
        self.domain.place = ELSEWHERE
        self.mailgun.seen.clear()

    def sent_since(self, mail, partner, number=1, **values):
        """Have the record tell of a copy that was sent after the dump."""
        headers = {"message-id": mail.message_id.strip("<>")}
        event = {
            "id": f"e{number}",
            "event": "delivered",
            "timestamp": time.time() - 60,
            "recipient": partner.email,
            "message": {"headers": headers},
            "user-variables": {"odoo": f"{self.domain.identity}.since-{number}"},
            **values,
        }
        self.mailgun.events.append(event)

    def go_on(self):
        self.env.flush_all()
        self.domain.action_go_on()
        self.env.invalidate_all()

    def line(self):
        lines = self.domain._health_lines()
        return next((one for one in lines if one.title == "Database"), None)

    @mute_logger(CORE)
    def test_nothing_is_sent_until_a_person_says_so(self):
        mail = self.message(self.anna)
        self.restore()
        mail.send()
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "setting"))
        self.assertIn("restored", mail.mailgun_wait_reason)
        self.assertFalse(self.asked("messages.mime"))
        self.assertEqual(self.line().level, "error")
        self.assertIn("Go On", self.line().remedy)
        self.go_on()
        self.assertFalse(self.line())
        mail.send()
        self.assertEqual((mail.state, len(self.asked("messages.mime"))), ("sent", 1))

    @mute_logger(CORE)
    def test_what_the_record_has_is_not_sent_again(self):
        mail = self.message(self.anna, self.bob)
        self.restore()
        mail.send()
        self.sent_since(mail, self.anna)
        self.go_on()
        (row,) = self.rows(mail)
        found = (row.recipient, row.partner_id, row.state)
        self.assertEqual(found, (self.anna.email, self.anna, "accepted"))
        mail.send()
        self.assertEqual((mail.state, len(self.asked("messages.mime"))), ("sent", 1))
        self.assertEqual(self.rows(mail).partner_id, self.anna | self.bob)
        self.env["mailgun.event"]._process_queue()
        states = {one.partner_id: one.state for one in self.rows(mail)}
        self.assertEqual(states, {self.anna: "delivered", self.bob: "accepted"})

    @mute_logger(CORE)
    def test_old_mail_asks_before_it_is_sent(self):
        mail = self.message(self.anna)
        self.env.flush_all()
        old = fields.Datetime.now() - timedelta(days=3)
        sql = "UPDATE mail_mail SET create_date = %s WHERE id = %s"
        self.env.cr.execute(sql, [old, mail.id])
        self.env.invalidate_all()
        self.restore()
        mail.send()
        self.go_on()
        mail.send()
        self.assertEqual(mail.mailgun_wait, "stale")
        self.assertFalse(self.asked("messages.mime"))

    def test_a_record_that_knows_more_is_told(self):
        mail = self.sent(self.anna)
        lost = self.mail(email_to="carl@example.org")
        lost.message_id = "<lost@mail.example.com>"
        self.sent_since(lost, self.bob, event="accepted")
        self.sent_since(lost, self.bob, 1)
        # Given back, and sent again since: its Message-Id is known.
        self.sent_since(mail, self.anna, 2)
        lost.unlink()
        text = self.domain.action_fetch_events()["params"]["message"]
        self.env.invalidate_all()
        self.assertIn("1 copies of mail were sent that this database did not", text)
        self.assertEqual(self.line().level, "warning")
        found = self.deliveries.search([("recipient", "=", self.bob.email)])
        self.assertEqual((found.mail_id, found.state), (0, "accepted"))
        self.domain.action_fetch_events()
        self.env.invalidate_all()
        self.assertEqual(self.domain.unknown_sent_count, 1)
        self.go_on()
        self.assertFalse(self.line())

    def test_a_copy_goes_on_as_one(self):
        self.restore()
        before = self.domain.identity
        self.domain.action_become_copy()
        self.assertFalse(self.domain.is_moved)
        self.assertNotEqual(self.domain.identity, before)

    def test_with_a_sending_key_a_person_alone_decides(self):
        self.domain.key_kind = "sending"
        self.restore()
        self.go_on()
        self.assertFalse(self.domain.is_moved)
        self.assertFalse(self.mailgun.seen)
