from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import format_date

from .common import DOMAIN, MailgunRoutingCase

ANNA = "anna@colleague.example.com"
GOOGLE = "forwarding-noreply@google.com"


@tagged("post_install", "-at_install")
class PolicyCase(MailgunRoutingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain.spam_action = "tag"
        cls.user_employee.partner_id.email = f"Anna <{ANNA}>"

    def receive_spam(self, **options):
        return self.receive(
            **{"X_Mailgun_Sflag": "Yes", "X_Mailgun_Sscore": "7.2", **options}
        )

    def receive_unproven(self, **options):
        return self.receive(
            **{
                "From": f"Anna <{ANNA}>",
                "X_Mailgun_Sflag": "No",
                "X_Mailgun_Spf": "Fail",
                "X_Mailgun_Dkim_Check_Result": "Fail",
                **options,
            }
        )

    def notes(self):
        """Return the log notes about the mail on its record."""
        return self.contacts().message_ids.filtered(
            lambda message: (
                message.author_id == self.env.ref("base.partner_root")
                and "mail" in message.body
            )
        )


@tagged("post_install", "-at_install")
class TestSpamPolicy(PolicyCase):
    def test_the_verdicts_are_kept_on_the_journal(self):
        row = self.receive_spam(
            X_Mailgun_Spf="Pass", X_Mailgun_Dkim_Check_Result="Fail"
        )
        self.assertEqual((row.spam_verdict, row.spam_score), ("spam", 7.2))
        self.assertEqual((row.spf, row.dkim), ("Pass", "Fail"))
        self.assertIn(row, self.journal.search([("spam_verdict", "=", "spam")]))

    def test_verdicts_are_the_senders_while_the_domain_does_not_tag(self):
        for action in ("disabled", "block", False):
            with self.subTest(action=action):
                self.domain.spam_action = action
                row = self.receive_spam(
                    token=str(action), message_id=f"<{action}@example.org>"
                )
                self.assertEqual(row.state, "done")
                self.assertFalse(row.spam_verdict or row.spam_score or row.is_tagged)
        self.assertFalse(self.notes())

    def test_spam_is_marked_on_the_record_by_default(self):
        before = self.env["mail.mail"].search([])
        row = self.receive_spam()
        self.assertEqual((row.state, row.error), ("done", False))
        note = self.notes()
        self.assertEqual(len(note), 1)
        self.assertIn("spam (score 7.2)", note.body)
        self.assertEqual(note.subtype_id, self.env.ref("mail.mt_note"))
        self.assertFalse(note.notification_ids)
        self.assertEqual(self.env["mail.mail"].search([]), before)

    def test_spam_can_be_taken_without_a_word(self):
        self.domain.spam_policy = "take"
        self.assertEqual(self.receive_spam().state, "done")
        self.assertFalse(self.notes())

    def test_spam_can_be_held_back(self):
        self.domain.spam_policy = "hold"
        row = self.receive_spam()
        self.assertEqual(row.state, "held")
        self.assertIn("score 7.2", row.error)
        self.assertIn("Release", row.remedy)
        self.assertFalse(self.contacts())
        self.assertIn("How much is it?", row.preview)

    def test_other_mail_is_not_marked(self):
        row = self.receive(X_Mailgun_Sflag="No", X_Mailgun_Sscore="0.3")
        self.assertEqual((row.state, row.spam_verdict), ("done", "clean"))
        self.assertFalse(self.notes())
        self.assertFalse(row.is_doubtful)

    def test_a_released_mail_is_routed_unmarked(self):
        self.domain.spam_policy = "hold"
        row = self.receive_spam()
        row.action_retry()
        self.work()
        self.assertEqual(row.state, "held")
        row.action_release()
        self.work()
        self.assertEqual((row.state, row.released_by_id), ("done", self.env.user))
        self.assertFalse(self.notes())

    def test_a_discarded_mail_stays_in_the_journal(self):
        self.domain.spam_policy = "hold"
        row = self.receive_spam()
        row.action_discard()
        self.work()
        self.assertEqual(row.state, "ignored")
        today = format_date(self.env, fields.Date.today())
        self.assertEqual(
            row.error,
            f"Discarded by {self.env.user.name} on {today}. Reason: Mailgun takes this "
            "mail for spam (score 7.2).",
        )
        self.assertFalse(row.remedy, "there is nothing to do any more")
        self.assertTrue(row._raw_bytes())

    def test_what_does_not_fit_is_left_out_and_said(self):
        self.domain.spam_policy = "hold"
        done = self.receive(token="done")
        held = self.receive_spam(message_id="<held@example.org>", token="held")
        gone = self.receive_spam(message_id="<gone@example.org>", token="gone")
        for rows, action, words in (
            (done | gone, "discard", "1 discarded, 1 skipped (already delivered)."),
            (gone, "discard", "1 skipped (already closed)."),
            (done | gone, "release", "1 skipped (already delivered), 1 skipped ("),
            (held | done, "release", "1 released, 1 skipped (already delivered)."),
            (held | done, "retry", "1 routed again, 1 skipped (already delivered)."),
        ):
            with self.subTest(words=words):
                found = getattr(rows, f"action_{action}")()["params"]
                self.assertIn(words, found["message"])
                kind = "success" if " again" in words or "ed, 1" in words else "warning"
                self.assertEqual(found["type"], kind)
        self.assertEqual((done.state, done.released_by_id.id), ("done", False))
        self.assertEqual((gone.state, gone.released_by_id.id), ("ignored", False))
        self.work()
        self.assertEqual(held.state, "done")

    def test_many_are_discarded_with_their_reasons_and_activities(self):
        rows = self.journal
        for number in range(3):
            rows |= self.receive_spam(
                message_id=f"<{number}@example.org>",
                token=str(number),
                X_Mailgun_Sscore=str(number),
            )
        rows.write({"state": "failed", "error": "It broke."})
        rows[0].write({"error": "It burst.", "error_class": "ValueError"})
        rows[0]._raise_activity()
        self.assertTrue(rows.activity_ids)
        rows.action_discard()
        self.assertIn("It burst.", rows[0].error)
        self.assertIn("It broke.", rows[1].error)
        self.assertFalse(rows.activity_ids)

    def test_each_recipient_of_held_mail_is_held(self):
        self.domain.spam_policy = "hold"
        self.alias.copy({"alias_name": "hidden"})
        rows = self.receive_spam()
        rows.action_release()
        self.work()
        hidden = self.receive_spam(recipient=f"hidden@{DOMAIN}")
        self.assertEqual(hidden.state, "held")
        hidden.action_release()
        self.work()
        self.assertEqual((rows | hidden).mapped("state"), ["done", "done"])
        self.assertEqual(len(self.contacts()), 2)

    def test_a_namesake_is_routed_by_release(self):
        self.receive()
        row = self.receive(
            mail=self.mail().replace(b"How much", b"How many"), token="other"
        )
        self.assertEqual(row.state, "held")
        row.action_release()
        self.work()
        self.assertEqual(row.state, "done")

    def test_a_mail_held_by_the_loop_guard_is_routed_by_release(self):
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "1")
        self.receive(message_id="<1@example.org>")
        row = self.receive(message_id="<2@example.org>", token="second")
        self.assertEqual(row.state, "held")
        row.action_release()
        self.work()
        self.assertEqual(row.state, "done")


@tagged("post_install", "-at_install")
class TestImpersonationPolicy(PolicyCase):
    def test_a_mail_in_a_colleagues_name_is_marked_by_default(self):
        row = self.receive_unproven()
        self.assertEqual((row.state, row.is_doubtful), ("done", True))
        self.assertIn(ANNA, self.notes().body)
        self.assertIn("neither SPF nor DKIM", self.notes().body)

    def test_a_reply_in_a_colleagues_name_is_marked_once(self):
        partner = self.env["res.partner"].create({"name": "A question"})
        sent = partner.message_post(body="Our offer", message_type="comment")
        to = f"catchall@{DOMAIN}"
        self.receive_unproven(In_Reply_To=sent.message_id, to=to, recipient=to)
        self.assertEqual(self.contacts(), partner)
        self.assertEqual(len(self.notes()), 1)

    def test_a_mail_in_a_colleagues_name_can_be_held_back(self):
        self.domain.impersonation_policy = "hold"
        before = self.env["mail.mail"].search([])
        row = self.receive_unproven()
        self.assertEqual(row.state, "held")
        self.assertIn(ANNA, row.error)
        self.assertFalse(self.contacts())
        self.assertEqual(self.env["mail.mail"].search([]), before)

    def test_a_mail_without_a_from_is_nobody_of_ours(self):
        self.domain.impersonation_policy = "hold"
        row = self.receive_unproven(From="", sender="x@evil.example")
        self.assertEqual(row.state, "done")
        author = self.contacts().message_ids.filtered("email_from").mapped("email_from")
        self.assertIn("x@evil.example", " ".join(author))
        self.assertNotIn(self.env.ref("base.partner_root").email, author)
        held = self.receive_unproven(
            From="", sender=ANNA, message_id="<2@example.org>", token="2"
        )
        self.assertEqual(held.state, "held")

    def test_a_mail_in_the_name_of_an_own_domain_is_not_proven_either(self):
        self.domain.send_as_parent = True
        other = self.env["mail.alias.domain"].create({"name": "other.example.net"})
        for number, name in enumerate((DOMAIN, other.name, "example.com")):
            with self.subTest(name=name):
                row = self.receive_unproven(
                    From=f"billing@{name}",
                    message_id=f"<{number}@example.org>",
                    token=str(number),
                )
                self.assertTrue(row.is_doubtful)

    def test_a_colleagues_name_behind_what_is_no_header_is_seen(self):
        self.domain.impersonation_policy = "hold"
        for number, odd in enumerate((b"\xef\xbb\xbf", b"X: y\r\nno header\r\n")):
            with self.subTest(odd=odd):
                id_ = f"<odd-{number}@example.org>"
                name = f"Anna =?utf-8?q?=0D=0A?= <{ANNA}>"
                mail = self.mail(message_id=id_, From=name)
                row = self.receive(odd + mail, token=id_, recipient=f"people@{DOMAIN}")
                self.assertEqual(row.state, "held", row.error)

    def test_no_verdict_is_no_proof_while_the_domain_tags(self):
        row = self.receive(From=ANNA, sender=ANNA)
        self.assertTrue(row.is_doubtful)

    def test_nothing_is_decided_while_the_domain_does_not_tag(self):
        self.domain.write({"spam_action": False, "impersonation_policy": "hold"})
        row = self.receive_unproven()
        self.assertEqual((row.state, row.is_doubtful), ("done", False))

    def test_spf_or_dkim_prove_a_colleague(self):
        for proof in (
            {"X_Mailgun_Spf": "Pass", "sender": ANNA},
            {
                "X_Mailgun_Dkim_Check_Result": "Pass",
                "DKIM_Signature": "v=1; d=example.com; s=one",
            },
        ):
            with self.subTest(proof=proof):
                token = next(iter(proof))
                message_id = f"<{token}@example.org>"
                row = self.receive_unproven(token=token, message_id=message_id, **proof)
                self.assertEqual((row.state, row.is_doubtful), ("done", False))

    def test_a_signature_that_nobody_sees_proves_no_colleague(self):
        self.domain.impersonation_policy = "hold"
        signed = b"DKIM-Signature: v=1; d=example.com; s=one\r\n"
        hidden = b"DKIM-Signature : v=1; d=evil.example; s=one\r\n"
        passed = {"From": ANNA, "X_Mailgun_Dkim_Check_Result": "Pass"}
        for number, more in enumerate(
            (b"", hidden, signed + hidden, b"x\r\n" + signed)
        ):
            with self.subTest(more=more):
                mail = self.mail(message_id=f"<{number}@example.org>", **passed)
                mail = mail.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n", 1)
                row = self.receive(mail, token=str(number))
                self.assertEqual((row.state, row.is_doubtful), ("held", True))

    def test_spf_of_the_spammers_own_domain_proves_nothing(self):
        row = self.receive_unproven(X_Mailgun_Spf="Pass", sender="me@example.net")
        self.assertTrue(row.is_doubtful)

    def test_a_name_in_encoded_words_is_seen_through(self):
        row = self.receive_unproven(From="=?utf-8?q?Anna_=3C" + ANNA + "=3E?=")
        self.assertEqual(row.mail_message_id.author_id, self.user_employee.partner_id)
        self.assertTrue(row.is_doubtful)

    def test_customers_and_portal_users_need_no_proof(self):
        self.user_employee.partner_id.email = "someone@example.net"
        portal = self.env["res.users"].create(
            {
                "name": "Portal",
                "login": "portal-of-the-test",
                "email": ANNA,
                "group_ids": [(6, 0, [self.env.ref("base.group_portal").id])],
            }
        )
        self.assertTrue(portal.share)
        self.assertFalse(self.receive_unproven().is_doubtful)

    def test_mail_through_a_trusted_forwarder_is_believed(self):
        self.domain.trusted_forwarders = "info@old.example.net\n192.0.2.7"
        row = self.receive_unproven(
            X_Mailgun_Spf="Pass", sender="info+caf_=x=y@old.example.net"
        )
        self.assertEqual((row.state, row.is_doubtful), ("done", False))

    def test_a_held_mail_passes_by_retry_once_its_forwarder_is_trusted(self):
        self.domain.impersonation_policy = "hold"
        raw = self.mail(
            From=ANNA,
            X_Mailgun_Spf="Fail",
            Received="from mx (mx [192.0.2.7]) by mxa.mailgun.org with ESMTP",
        )
        row = self.receive(mail=raw, sender=ANNA)
        self.assertEqual((row.state, row.is_doubtful), ("held", True))
        self.domain.trusted_forwarders = "192.0.2.7"
        row.action_retry()
        self.work()
        self.assertEqual((row.state, row.is_doubtful), ("done", False))

    def test_a_forwarder_that_is_none_is_refused(self):
        for text in ("yourcompany", "info@", "company.com\n-", "300.1.2.3.4.5x/8"):
            with self.subTest(text=text), self.assertRaises(ValidationError):
                self.domain.trusted_forwarders = text

    def test_own_mail_that_comes_back_is_ignored_as_before(self):
        self.domain.impersonation_policy = "hold"
        partner = self.env["res.partner"].create({"name": "Customer"})
        sent = partner.message_post(body="Our offer", message_type="comment")
        row = self.receive_unproven(message_id=sent.message_id)
        self.assertEqual(row.state, "ignored")


@tagged("post_install", "-at_install")
class TestForwardingRequest(PolicyCase):
    def ask(self, name):
        """Let Google ask for an address of ours; return the row."""
        address = f"{name}@{DOMAIN}"
        return self.receive(
            From=f"Gmail Team <{GOOGLE}>",
            sender=GOOGLE,
            to=address,
            recipient=address,
        )

    def test_it_is_readable_at_addresses_that_take_no_mail(self):
        before = self.env["mail.mail"].search([])
        for name in ("catchall", "nobody"):
            with self.subTest(name=name):
                self.env["mailgun.inbound.email"].search([]).unlink()
                row = self.ask(name)
                self.assertEqual(row.state, "held")
                self.assertIn("Gmail asks", row.error)
                self.assertIn(f"{name}@{DOMAIN}", row.error)
                self.assertIn("How much is it?", row.preview)
        self.assertEqual(self.env["mail.mail"].search([]), before)

    def test_it_is_held_when_the_alias_does_not_take_it(self):
        self.alias.alias_contact = "followers"
        row = self.ask("people")
        self.assertEqual(row.state, "held")
        self.assertIn("Gmail asks", row.error)

    def test_it_becomes_a_record_at_an_alias(self):
        row = self.ask("people")
        self.assertEqual((row.state, row.preview), ("done", ""))
        self.assertEqual(len(self.contacts()), 1)

    def test_a_release_answers_nobody_and_keeps_it_readable(self):
        before = self.env["mail.mail"].search([])
        row = self.ask("catchall")
        row.action_release()
        self.work()
        self.assertEqual(row.state, "held")
        self.assertEqual(self.env["mail.mail"].search([]), before)

    def test_html_is_shown_as_text(self):
        raw = self.mail(From=GOOGLE, to=f"nobody@{DOMAIN}", Content_Type="text/html")
        raw = raw.replace(b"How much", b"<script>alert(1)</script><b>Code</b> 123")
        row = self.receive(mail=raw, recipient=f"nobody@{DOMAIN}")
        self.assertIn("123", row.preview)
        self.assertNotIn("<", row.preview)
