"""What whoever sends a mail is told when it does not go out, beside core's SMTP.

Of Odoo's addons these act on the outcome; the others send and look no further, or leave
it to the queue:

* ``auth_signup``: inviting, resetting a password, creating a user (raised; the mail is
  rolled back with its savepoint in any case);
* ``mail``: inviting to a channel by email (raised);
* ``auth_totp_mail``, ``website_profile``: a code, a confirmation (by a template);
* ``mass_mailing``: *Test* (reads the state, then deletes the mail);
* ``mail``: warning of changed settings (hides what is raised, returns the mails);
* ``hr_expense``, ``website``, ``im_livechat``, ``website_sale_stock`` and others: send
  in their own transaction, and people read the state;
* ``digest``: catches what core raises, and only ever writes into the queue.
"""

import contextlib
import re

from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from .common import DOMAIN
from .local_smtp import refusing_smtp
from .test_sending import MAIL, MailgunOutcomeCase

SERVER = "odoo.addons.base.models.ir_mail_server"

# Mail waits for these when it is committed.
TROUBLE = {
    "busy": lambda mailgun: mailgun.answer(503, {"message": "later"}),
    "limit": lambda mailgun: mailgun.answer(429, {"message": "limit"}),
    "key": lambda mailgun: mailgun.answer(401, {"message": "Forbidden"}),
    "lost answer": lambda mailgun: mailgun.hang_up(after_reading=True),
}


@tagged("post_install", "-at_install", "mailgun_mailings")
class TestCallers(MailgunOutcomeCase):
    def told(self, caller):
        """What a caller does by core's SMTP, and by Mailgun in each kind of trouble."""
        with refusing_smtp() as port, self.env.cr.savepoint() as savepoint:
            self.server.active = False
            self.env["ir.mail_server"].create(
                {
                    "name": "SMTP",
                    "smtp_host": "127.0.0.1",
                    "smtp_port": port,
                    "from_filter": DOMAIN,
                    "sequence": 0,
                }
            )
            by_core = self.outcome(caller)
            savepoint.rollback()
        return by_core, {name: self.by_mailgun(caller, name) for name in TROUBLE}

    def by_mailgun(self, caller, name):
        self.mailgun.answers.clear()
        for _attempt in range(3):
            TROUBLE[name](self.mailgun)
        with self.env.cr.savepoint() as savepoint:
            found = self.outcome(caller)
            savepoint.rollback()
        return found

    @mute_logger(MAIL, SERVER)
    def outcome(self, caller):
        try:
            return caller()
        except (UserError, MailDeliveryException) as error:
            return type(error), len(error.args)

    def assert_no_less_than_core(self, caller, expected):
        by_core, by_mailgun = self.told(caller)
        self.assertEqual(by_core, expected)
        self.assertEqual(by_mailgun, dict.fromkeys(TROUBLE, by_core))
        self.assertTrue(self.mailgun.seen)

    def new_mail(self, **values):
        """A mail that only this transaction has."""
        return self.env["mail.mail"].create(
            {
                "email_from": f"sales@{DOMAIN}",
                "email_to": "customer@example.org",
                "body_html": "<p>text</p>",
                **values,
            }
        )

    # --- told by what is raised -------------------------------------------------------

    def test_an_invitation_that_did_not_go_out_is_told(self):
        self.env.company.email = f"company@{DOMAIN}"
        user = new_test_user(self.env, "new", email="new@example.org")
        invite = user.with_context(create_user=1).action_reset_password
        self.assert_no_less_than_core(invite, (UserError, 1))

    def test_the_signup_of_a_user_who_was_not_invited_is_cancelled(self):
        self.env.company.email = f"company@{DOMAIN}"

        def create():
            user = self.env["res.users"].create(
                {"name": "New", "login": "new", "email": "new@example.org"}
            )
            return user.partner_id.signup_type

        self.assert_no_less_than_core(create, False)

    def test_an_invitation_to_a_channel_that_did_not_go_out_is_told(self):
        self.env.user.email = f"admin@{DOMAIN}"
        channel = self.env["discuss.channel"]._create_group(
            self.env.user.partner_id.ids
        )

        def invite():
            return channel.invite_by_email(["new@example.org"])

        self.assert_no_less_than_core(invite, (UserError, 1))

    def test_a_template_raises_when_it_is_asked_to(self):
        template = self.env["mail.template"].create(
            {
                "name": "Code",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "email_from": f"code@{DOMAIN}",
                "email_to": "customer@example.org",
                "subject": "Code",
                "body_html": "<p>1</p>",
            }
        )

        def send():
            return template.send_mail(
                self.anna.id, force_send=True, raise_exception=True
            )

        self.assert_no_less_than_core(send, (MailDeliveryException, 2))

    def test_a_message_without_a_mail_raises(self):
        server = self.env["ir.mail_server"]
        message = server._build_email__(
            f"sales@{DOMAIN}", ["customer@example.org"], "Our offer", "text"
        )

        def send():
            return server.send_email(message)

        self.assert_no_less_than_core(send, (MailDeliveryException, 2))

    # --- told by the state ------------------------------------------------------------

    def test_the_test_of_a_mailing_says_that_it_failed(self):
        mailing = self.env["mailing.mailing"].create(
            {
                "subject": "News",
                "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                "email_from": f"news@{DOMAIN}",
            }
        )

        def test():
            wizard = self.env["mailing.mailing.test"].create(
                {
                    "mass_mailing_id": mailing.id,
                    "email_to": "\n".join(f"{one}@example.org" for one in "abcde"),
                }
            )
            wizard.send_mail_test()
            log = mailing.message_ids[0].body
            return re.findall(r"could not be sent to (\w)", log)

        self.assert_no_less_than_core(test, list("abcde"))

    def test_the_state_is_core_s_until_the_commit(self):
        def send():
            mail = self.new_mail()
            mail.send()
            return mail.state, mail.failure_type, bool(mail.failure_reason)

        self.assert_no_less_than_core(send, ("exception", "unknown", True))

    def test_a_warning_of_changed_settings_has_its_state(self):
        self.env.company.email = f"company@{DOMAIN}"
        user = new_test_user(self.env, "user", email="user@example.org")

        def warn():
            mails = user._notify_security_setting_update("Changed", "Your email")
            return mails.mapped("state")

        self.assert_no_less_than_core(warn, ["exception"])

    # --- after the commit -------------------------------------------------------------

    @mute_logger(MAIL)
    def sent_in_vain(self, trouble, **options):
        mail = self.new_mail()
        TROUBLE[trouble](self.mailgun)
        with contextlib.suppress(MailDeliveryException):
            mail.send(**options)
        self.assertEqual(mail.state, "exception")
        return mail

    def commit(self):
        """Do what follows a commit."""
        self.env.flush_all()
        self.env.cr.postcommit.run()
        self.env.invalidate_all()

    def test_what_is_committed_waits_and_goes_out(self):
        for trouble, wait in (
            ("limit", "wait"),
            ("busy", "doubt"),
            ("key", "setting"),
            ("lost answer", "doubt"),
        ):
            with self.subTest(trouble=trouble):
                mail = self.sent_in_vain(trouble)
                self.commit()
                self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", wait))
                self.assertFalse(mail.failure_reason)
        mail = self.sent_in_vain("limit")
        self.commit()
        mail.send()
        self.assertEqual(mail.state, "sent")

    def test_who_gets_a_message_is_shown_as_waiting_after_the_commit(self):
        message = self.anna.with_context(mail_notify_force_send=False).message_post(
            body="Our offer",
            partner_ids=self.anna.ids,
            subtype_xmlid="mail.mt_comment",
        )
        mail = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        TROUBLE["busy"](self.mailgun)
        with mute_logger(MAIL):
            mail.send()
        self.assertEqual(self.notifications(message), {"Anna": "exception"})
        self.commit()
        self.assertEqual(self.notifications(message), {"Anna": "ready"})

    def test_what_the_caller_threw_away_comes_not_back(self):
        mail = self.sent_in_vain("busy")
        mail.unlink()
        self.commit()
        self.assertFalse(mail.exists())

    def test_what_the_caller_cancelled_stays_cancelled(self):
        mail = self.sent_in_vain("busy")
        mail.cancel()
        self.commit()
        self.assertEqual((mail.state, mail.mailgun_wait), ("cancel", False))

    def test_what_was_told_by_an_exception_stays_failed(self):
        mail = self.sent_in_vain("busy", raise_exception=True)
        self.commit()
        self.assertEqual((mail.state, mail.mailgun_wait), ("exception", False))

    def test_a_mail_that_is_committed_waits_at_once(self):
        mail = self.as_committed(self.new_mail())
        TROUBLE["limit"](self.mailgun)
        with mute_logger(MAIL):
            mail.send(raise_exception=True)
        self.assertEqual((mail.state, mail.mailgun_wait), ("outgoing", "wait"))
