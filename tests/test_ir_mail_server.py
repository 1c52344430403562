import email
import email.policy

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

from .common import DOMAIN, MailgunSendingCase

MAIL = "odoo.addons.mail.models.mail_mail"


@tagged("post_install", "-at_install")
class TestMailServer(MailgunSendingCase):
    def mail(self, **values):
        return self.env["mail.mail"].create(
            {
                "email_from": f"sales@{DOMAIN}",
                "email_to": "customer@example.org",
                "subject": "Our offer",
                "body_html": "<p>Grüße</p>",
                "state": "outgoing",
                **values,
            }
        )

    def arrived(self, number=0):
        """The message as it arrived at Mailgun."""
        (file,) = self.mailgun.seen[number].form[1].getlist("message")
        return email.message_from_bytes(file.read(), policy=email.policy.default)

    def test_files_that_mailgun_takes_stay_files(self):
        contact = self.env["res.partner"].create({"name": "Customer"})
        file = self.env["ir.attachment"].create(
            {
                "name": "plan.bin",
                "raw": b"x" * 12_000_000,
                "res_model": contact._name,
                "res_id": contact.id,
            }
        )
        document = {"model": contact._name, "res_id": contact.id}
        mail = self.mail(attachment_ids=file.ids, **document)
        mail.send()
        (attachment,) = self.arrived().iter_attachments()
        self.assertEqual(attachment.get_filename(), "plan.bin")
        file.raw = b"x" * 19_300_000
        mail = self.mail(attachment_ids=file.ids, **document)
        mail.send()
        self.assertEqual(mail.state, "sent")
        self.assertIn("plan.bin", str(self.arrived(1).get_body(("html",))))

    # --- sending ---------------------------------------------------------------------

    def test_a_mail_leaves_through_mailgun(self):
        mail = self.mail()
        mail.send()
        self.assertEqual(mail.state, "sent")
        (seen,) = self.mailgun.seen
        self.assertEqual(seen.path, f"/v3/{DOMAIN}/messages.mime")
        self.assertEqual(seen.values("to"), ["customer@example.org"])
        self.assertEqual(self.arrived()["Message-Id"], mail.message_id)
        self.assertIn("Grüße", self.arrived().get_body(("html",)).get_content())

    def test_the_envelope_holds_to_and_cc(self):
        self.mail(email_cc="boss@example.org").send()
        recipients = self.mailgun.seen[0].values("to")
        self.assertEqual(set(recipients), {"customer@example.org", "boss@example.org"})

    def test_a_blind_copy_is_in_the_envelope_and_nowhere_else(self):
        server = self.env["ir.mail_server"]
        message = server._build_email__(
            f"sales@{DOMAIN}",
            ["customer@example.org"],
            "Our offer",
            "text",
            email_bcc=["hidden@example.org"],
        )
        server.send_email(message, mail_server_id=self.server.id)
        self.assertIn("hidden@example.org", self.mailgun.seen[0].values("to"))
        self.assertNotIn("hidden@example.org", self.arrived().as_string())

    def test_a_batch_of_mails_shares_one_connection(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(3)])
        mails.send()
        self.assertEqual(len(self.mailgun.seen), 3)
        self.assertEqual(len({seen.connection for seen in self.mailgun.seen}), 1)

    def test_a_chatter_post_reaches_the_customer_with_a_reply_address_of_ours(self):
        customer = self.env["res.partner"].create(
            {"name": "Customer", "email": "customer@example.org"}
        )
        customer.message_post(
            body="Our offer",
            partner_ids=customer.ids,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertEqual(self.mailgun.seen[0].values("to"), ["customer@example.org"])
        self.assertIn(f"catchall@{DOMAIN}", self.arrived()["Reply-To"])

    def test_test_mode_is_said_to_mailgun(self):
        self.domain.test_mode = True
        self.mail().send()
        self.assertEqual(self.mailgun.seen[0].values("o:testmode"), ["yes"])

    def test_the_server_is_found_by_the_sender(self):
        session = self.env["ir.mail_server"]._connect__(smtp_from=f"sales@{DOMAIN}")
        self.assertEqual(session.from_filter, DOMAIN)
        self.assertEqual(session.smtp_from, f"sales@{DOMAIN}")

    def test_another_server_goes_cores_way(self):
        smtp = self.env["ir.mail_server"].create(
            {"name": "SMTP", "smtp_host": "127.0.0.1", "smtp_port": 9}
        )
        with self.assertRaises(ConnectionRefusedError):
            self.env["ir.mail_server"]._connect__(mail_server_id=smtp.id)

    def test_an_archived_server_is_refused_as_in_core(self):
        self.server.active = False
        with self.assertRaisesRegex(UserError, "archived"):
            self.env["ir.mail_server"]._connect__(mail_server_id=self.server.id)

    # --- failing ---------------------------------------------------------------------

    @mute_logger(MAIL)
    def test_what_mailgun_did_not_accept_is_not_shown_as_sent(self):
        for status in (400, 401, 402, 403, 404, 413, 420, 429, 500, 503):
            with self.subTest(status=status):
                mail = self.mail()
                self.mailgun.answer(status, {"message": f"no: {status}"})
                mail.send()
                self.assertIn(mail.state, ("exception", "outgoing"))

    @mute_logger(MAIL)
    def test_the_reason_is_a_sentence_without_smtp_in_it(self):
        mail = self.mail()
        self.mailgun.answer(400, {"message": "Too many recipients, max is 1000"})
        mail.send()
        self.assertEqual(mail.state, "exception")
        self.assertIn("Too many recipients", mail.failure_reason)
        self.assertNotIn("SMTP", mail.failure_reason)

    @mute_logger(MAIL)
    def test_a_copy_of_the_database_does_not_send(self):
        self.domain.database_uuid = "another"
        mail = self.as_committed(self.mail())
        mail.send()
        self.assertEqual(mail.state, "outgoing")
        self.assertIn("copy", mail.mailgun_wait_reason)
        self.assertFalse(self.mailgun.seen)

    @mute_logger(MAIL)
    def test_one_refused_mail_does_not_stop_the_others(self):
        mails = self.env["mail.mail"].concat(*[self.mail() for _mail in range(3)])
        self.mailgun.answer(400, {"message": "to parameter is not a valid address."})
        mails.send()
        self.assertEqual(mails.mapped("state"), ["exception", "sent", "sent"])

    @mute_logger(MAIL)
    def test_a_caller_that_asks_for_exceptions_gets_the_sentence(self):
        self.mailgun.answer(404, {"message": "Domain not found"})
        with self.assertRaisesRegex(MailDeliveryException, "other region"):
            self.mail().send(raise_exception=True)

    # --- the form --------------------------------------------------------------------

    def test_the_form_needs_no_smtp_host_and_proposes_the_from_filter(self):
        with Form(self.env["ir.mail_server"]) as form:
            form.name = "Another"
            form.smtp_authentication = "mailgun"
            form.mailgun_domain_id = self.domain
        server = form.save()
        self.assertEqual(server.from_filter, DOMAIN)
        self.assertFalse(server.smtp_host)

    def test_the_form_needs_a_domain(self):
        with self.assertRaises(ValidationError):
            self.server.mailgun_domain_id = False

    def test_test_connection_asks_mailgun(self):
        self.mailgun.answer(200, {"domain": {"name": DOMAIN, "state": "active"}})
        action = self.server.test_smtp_connection()
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(self.mailgun.seen[0].path, f"/v4/domains/{DOMAIN}")

    def test_size_detection_sets_mailguns_limit(self):
        self.server.action_retrieve_max_email_size()
        self.assertEqual(self.server.max_email_size, 25)

    def test_the_type_explains_itself(self):
        self.assertIn("HTTPS", self.server.smtp_authentication_info)
        self.assertEqual(self.server.smtp_authentication, "mailgun")
