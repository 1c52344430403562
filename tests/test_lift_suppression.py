from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .common import DOMAIN
from .test_suppressions import SuppressionCase


@tagged("post_install", "-at_install")
class TestLiftSuppression(SuppressionCase):
    def wizard(self, user=None):
        delivery = self.rows(self.sent()).with_user(user or self.env.user)
        self.mailgun.seen.clear()
        action = delivery.action_lift_suppression()
        return self.env[action["res_model"]].browse(action["res_id"])

    def notes(self):
        return self.domain.message_ids.filtered("body")

    def test_it_says_in_which_lists_the_address_is_and_since_when(self):
        self.suppress("bounces", code="550", error="No such user")
        self.suppress("unsubscribes", tags=["offers"])
        wizard = self.wizard()
        self.assertIn("550 No such user", wizard.bounces_info)
        self.assertIn("offers", wizard.unsubscribes_info)
        self.assertFalse(wizard.complaints_info)
        self.assertTrue(wizard.is_suppressed)
        self.assertEqual(self.mailgun.changes(), [], "asking changes nothing")

    def test_one_address_is_taken_off_and_nothing_else(self):
        self.suppress("bounces")
        self.suppress("bounces", "bob@example.org")
        self.wizard().action_lift()
        self.assertEqual(
            self.mailgun.changes(),
            [("DELETE", f"/v3/{DOMAIN}/bounces/anna%40example.org")],
        )
        self.assertEqual(set(self.mailgun.suppressed["bounces"]), {"bob@example.org"})

    def test_only_the_chosen_lists_are_changed(self):
        self.suppress("bounces")
        self.suppress("complaints")
        with Form(self.wizard()) as form:
            form.lift_complaints = False
        form.record.action_lift()
        self.assertFalse(self.mailgun.suppressed["bounces"])
        self.assertTrue(self.mailgun.suppressed["complaints"])

    def test_it_is_noted_who_did_it(self):
        user = new_test_user(self.env, "admin2", groups="base.group_system")
        self.suppress("complaints")
        before = self.notes()
        self.wizard(user).with_user(user).action_lift()
        note = self.notes() - before
        self.assertEqual(note.author_id, user.partner_id)
        self.assertIn("<strong>anna@example.org</strong>", note.body)
        self.assertIn("complaints", note.body)

    def test_it_says_what_to_do_next(self):
        self.suppress("bounces")
        params = self.wizard().action_lift()["params"]
        self.assertEqual(params["type"], "success")
        self.assertIn("press Retry on the mail", params["message"])

    def test_after_it_the_mail_can_be_sent_again(self):
        mail = self.sent()
        self.suppress("bounces")
        self.ask()
        row = self.rows(mail)
        wizard = self.env["mailgun.lift.suppression"].browse(
            row.action_lift_suppression()["res_id"]
        )
        wizard.action_lift()
        mail.mark_outgoing()
        mail.send()
        self.ask()
        self.assertEqual(self.rows(mail).mapped("state"), ["suppressed", "accepted"])

    def test_an_address_on_no_list_is_told_to_be_free(self):
        wizard = self.wizard()
        self.assertFalse(wizard.is_suppressed)
        with self.assertRaisesRegex(UserError, "at least one list"):
            wizard.action_lift()

    def test_a_part_that_was_done_is_noted_though_the_rest_failed(self):
        self.suppress("bounces")
        self.suppress("complaints")
        wizard = self.wizard()
        self.mailgun.answer(200, {"message": "Bounced address has been removed"})
        self.mailgun.answer(500, {"message": "Internal Server Error"})
        params = wizard.action_lift()["params"]
        self.assertEqual(params["type"], "warning")
        self.assertIn("Only a part was done", params["message"])
        self.assertIn("bounces", self.notes()[0].body)

    def test_when_nothing_could_be_done_the_reason_is_told(self):
        self.suppress("bounces")
        wizard = self.wizard()
        self.mailgun.answer(401, {"message": "Invalid private key"})
        with self.assertRaisesRegex(UserError, "does not accept the API key"):
            wizard.action_lift()

    def test_it_is_the_act_of_an_administrator(self):
        user = new_test_user(self.env, "ordinary", groups="base.group_user")
        self.suppress("bounces")
        with self.assertRaises(AccessError):
            self.wizard(user)
        self.assertEqual(self.mailgun.seen, [])

    def test_odoos_blacklist_stays_as_it_is(self):
        self.suppress("unsubscribes", tags=["*"])
        self.ask()
        self.wizard().action_lift()
        self.ask()
        self.assertTrue(self.blacklisted())
