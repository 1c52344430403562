import itertools
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.mail.tools.discuss import Store

from .common import DOMAIN, MailgunCase

DEAD = "550 5.1.1 no such mailbox"


class StoryCase(MailgunCase):
    """Deliveries as events leave them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start = fields.Datetime.now().replace(microsecond=0) - timedelta(hours=3)
        cls.domain.settling_minutes = 30
        cls.numbers = itertools.count(1)
        cls.salesman = new_test_user(cls.env, "salesman", "base.group_user")
        cls.anna = cls.env["res.partner"].create(
            {"name": "Anna", "email": "anna@example.org"}
        )

    def message(self, record=None):
        record = record or self.anna
        return record.message_post(
            body="Our offer",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            partner_ids=self.anna.ids,
        )

    def delivery(self, state, message=None, **values):
        """A copy for Anna; the state was reached a minute after it was handed over."""
        return self.env["mailgun.delivery"].create(
            {
                "domain_id": self.domain.id,
                "message_id": message.message_id if message else f"<1@{DOMAIN}>",
                "message_ref": message.id if message else 0,
                "recipient": "anna@example.org",
                "partner_ref": self.anna.id,
                "attempt": next(self.numbers),
                "state": state,
                "sending_at": self.start,
                f"{state}_at": self.start + timedelta(minutes=1),
                **values,
            }
        )

    def after(self, **ahead):
        return self.start + timedelta(**ahead)


@tagged("post_install", "-at_install")
class TestStory(StoryCase):
    def texts(self, delivery):
        return [step["text"] for step in delivery._steps()]

    def test_it_is_told_in_the_order_in_which_it_happened(self):
        delivery = self.delivery(
            "clicked",
            clicked_at=self.after(minutes=9),
            opened_at=self.after(minutes=8),
            machine_opened_at=self.after(seconds=3),
            delivered_at=self.after(seconds=2),
            accepted_at=self.after(seconds=1),
            open_count=3,
            click_count=1,
        )
        self.assertEqual(
            self.texts(delivery),
            [
                "Accepted",
                "Delivered",
                "Opened by a program, perhaps by nobody",
                "Opened (3 times so far)",
                "A link in the mail was clicked",
            ],
        )
        self.assertIn("Opened (3 times so far)", delivery.story)

    def test_times_are_the_users(self):
        self.env.user.tz = "Asia/Tokyo"
        delivery = self.delivery("delivered", delivered_at="2026-03-01 20:02:00")
        self.assertEqual(delivery._steps()[-1]["when"], "3/2/26, 5:02\u202fAM")

    def test_the_reason_belongs_to_what_it_is_the_reason_of(self):
        accepted_at = self.after(seconds=1)
        delivery = self.delivery("bounced", reason=DEAD, accepted_at=accepted_at)
        self.assertEqual([step["why"] for step in delivery._steps()], ["", DEAD])

    def test_each_state_has_its_words(self):
        for state, level, words in (
            ("accepted", "info", "has not told yet"),
            ("deferred", "warning", "has delayed the mail"),
            ("delivered", "ok", "has accepted the mail"),
            ("opened", "ok", "was opened"),
            ("clicked", "ok", "was clicked"),
            ("unsubscribed", "warning", "no more"),
            ("suppressed", "error", "leave alone"),
            ("failed", "error", "could not be delivered"),
            ("bounced", "error", "has refused"),
            ("complained", "error", "as spam"),
        ):
            with self.subTest(state=state):
                story = self.delivery(state)._story_values()
                self.assertEqual(story["level"], level)
                self.assertIn(words, story["headline"])

    def test_a_suppressed_address_says_why_and_who_can_lift_it(self):
        for kind, words in (
            ("suppress-bounce", "came back"),
            ("suppress-complaint", "as spam"),
            ("suppress-unsubscribe", "has unsubscribed"),
        ):
            delivery = self.delivery("suppressed", reason_kind=kind)
            story = delivery.with_user(self.salesman).sudo()._story_values()
            self.assertIn(words, story["headline"])
            self.assertIn("administrator", story["remedy"])

    def test_an_administrator_is_not_told_to_ask_one(self):
        for state in ("suppressed", "bounced"):
            remedy = self.delivery(state)._story_values()["remedy"]
            self.assertNotIn("administrator", remedy)
            self.assertIn("press Lift Suppression", remedy)

    def test_a_delivery_says_which_mail_and_which_document(self):
        message = self.message()
        message.subject = "Our offer"
        delivery = self.delivery("accepted", message, res_model="res.partner")
        self.assertEqual(
            (delivery.subject, delivery.document), ("Our offer", "Contact")
        )
        self.assertFalse(self.delivery("accepted").subject)

    def test_what_mailgun_refused_is_not_blamed_on_the_mailbox(self):
        refused = self.delivery("failed", reason_kind="refused")
        self.assertEqual(refused._headline(), "Mailgun refused the mail.")
        self.assertEqual(self.texts(refused), ["Refused by Mailgun"])

    def test_a_copy_that_was_just_handed_over_is_in_no_doubt(self):
        delivery = self.delivery("sending", sending_at=fields.Datetime.now())
        story = delivery._story_values()
        self.assertEqual(story["level"], "info")
        self.assertIn("is being handed", story["headline"])

    def test_doubt_says_until_when_mailgun_is_asked(self):
        now = fields.Datetime.now()
        self.env.user.tz = "UTC"
        for values, words in (
            ({"doubt": "lost", "sending_at": now}, "confirmation until"),
            ({"sending_at": now - timedelta(minutes=5)}, "confirmation until"),
            ({"sending_at": now - timedelta(minutes=31)}, "overdue"),
            ({"sending_at": self.start, "asked_since": now}, "confirmation until"),
        ):
            with self.subTest(values=values):
                story = self.delivery("sending", **values)._story_values()
                self.assertEqual(story["level"], "warning")
                self.assertIn(words, story["headline"])

    def test_the_mail_is_linked_as_long_as_it_is_there(self):
        mail = self.env["mail.mail"].create({"email_to": "anna@example.org"})
        delivery = self.delivery("accepted", mail_id=mail.id)
        self.assertEqual(delivery.mail_mail_id, mail)
        mail.unlink()
        delivery.invalidate_recordset()
        self.assertFalse(delivery.mail_mail_id)

    def test_the_document_is_opened(self):
        delivery = self.delivery("accepted", self.message())
        action = delivery.action_open_document()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("res.partner", self.anna.id)
        )


@tagged("post_install", "-at_install")
class TestStoryOfAMessage(StoryCase):
    def story(self, message, user=None):
        return message.with_user(user or self.salesman).mailgun_story()

    def test_a_colleague_reads_what_became_of_a_message(self):
        message = self.message()
        self.delivery("bounced", message, reason=DEAD)
        (copy,) = self.story(message)["copies"]
        self.assertEqual((copy["name"], copy["level"]), ("Anna", "error"))
        self.assertEqual((copy["partner_id"], copy["can_lift"]), (self.anna.id, False))
        self.assertEqual(copy["steps"][-1]["why"], DEAD)

    def test_deliveries_themselves_are_for_administrators(self):
        message = self.message()
        delivery = self.delivery("bounced", message)
        with self.assertRaises(AccessError):
            delivery.with_user(self.salesman).read(["recipient"])
        self.assertFalse(self.story(message)["is_administrator"])
        admin = self.env.ref("base.user_admin")
        story = self.story(message, admin)
        self.assertTrue(story["is_administrator"])
        self.assertTrue(story["copies"][0]["can_lift"])

    def test_a_message_that_one_may_not_read_keeps_its_story(self):
        message = self.message(self.domain)
        self.delivery("bounced", message)
        with self.assertRaises(AccessError):
            self.story(message)

    def test_a_customer_in_the_portal_sees_nothing(self):
        message = self.message()
        portal = new_test_user(self.env, "portal", "base.group_portal")
        message.partner_ids = portal.partner_id
        self.delivery("opened", message)
        with self.assertRaises(AccessError):
            self.story(message, portal)

    def test_a_borrowed_message_id_tells_nothing_of_its_owner(self):
        message = self.message(self.domain)
        self.delivery("bounced", message)
        forged = self.message()
        forged.message_id = message.message_id
        self.assertEqual(self.story(forged)["copies"], [])

    def test_a_borrowed_message_id_tells_nothing_on_an_older_message(self):
        forged = self.message()
        message = self.message(self.domain)
        self.delivery("bounced", message)
        forged.message_id = message.message_id
        self.assertEqual(self.story(forged)["copies"], [])
        message.unlink()
        self.assertEqual(self.story(forged)["copies"], [])

    def test_who_did_not_get_it_comes_first(self):
        message = self.message()
        self.delivery("bounced", message, recipient="a@example.org")
        self.delivery(
            "delivered",
            message,
            recipient="b@example.org",
            sending_at=self.after(minutes=5),
        )
        copies = self.story(message)["copies"]
        self.assertEqual([copy["level"] for copy in copies], ["error", "ok"])

    def test_a_mail_that_waits_says_so_to_who_wrote_it(self):
        message = self.message()
        self.env["mail.mail"].create(
            {
                "mail_message_id": message.id,
                "mailgun_wait": "wait",
                "mailgun_wait_reason": "Mailgun takes no more for now.",
            }
        )
        (text,) = self.story(message)["waits"]
        self.assertIn("Mailgun takes no more for now.", text)

    def test_a_message_that_was_not_mailed_has_no_story(self):
        note = self.anna._message_log(body="called")
        story = self.story(note)
        self.assertEqual((story["waits"], story["copies"], story["more"]), ([], [], 0))


@tagged("post_install", "-at_install")
class TestEnvelope(StoryCase):
    def notification(self, state, reason="", kind=""):
        """Anna's notification of a message after something happened."""
        message = self.message()
        notification = message.notification_ids
        copy = (self.anna.id, "anna@example.org", state, reason, kind)
        notification._mailgun_follow([copy], True)
        return notification

    def test_the_reason_travels_to_the_browser(self):
        notification = self.notification("bounced", DEAD)
        self.assertEqual(notification.failure_type, "mail_bounce")
        store = Store().add(notification).get_result()
        (sent,) = store["mail.notification"]
        self.assertEqual(sent["failure_reason"], DEAD)

    def test_a_late_mail_is_no_failure_and_says_why(self):
        notification = self.notification("deferred", "450 mailbox is full")
        self.assertEqual(notification.notification_status, "pending")
        self.assertEqual(notification.failure_reason, "450 mailbox is full")
        copy = (self.anna.id, "anna@example.org", "delivered", "", "")
        notification._mailgun_follow([copy], True)
        self.assertFalse(notification.failure_reason)

    def test_a_suppressed_address_has_not_bounced_this_time(self):
        notification = self.notification("suppressed", "605", "suppress-bounce")
        self.assertEqual(notification.notification_status, "bounce")
        self.assertEqual(notification.failure_type, "mailgun_suppressed")
