from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.inbound.inbound_queue import InboundQueue
from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost

from .common import DOMAIN, MailgunRoutingCase

FLOOD = "machine@flood.example.org"
THRESHOLD = "mail.gateway.loop.threshold"


class FloodCase(MailgunRoutingCase):
    def journaled(self, count=1, author=FLOOD, to="people", **headers):
        """Write mails to the journal that nobody has routed yet; return their rows."""
        rows = self.journal
        for _number in range(count):
            token = f"token-{len(self.journal.search([]))}"
            address = f"{to}@{DOMAIN}"
            mail = self.mail(
                **{"From": author, "to": address, **headers},
                message_id=f"<{token}@example.org>",
            )
            post = InboundPost.from_raw(mail, "bounces@example.org", [address])
            rows += rows.browse(self.journal._receive(self.domain, post, token))
        self.env.invalidate_all()
        return rows

    def order(self, rows):
        """Return the rows in the order in which they became messages."""
        return rows.sorted(lambda row: row.mail_message_id.id)


@tagged("post_install", "-at_install")
class TestSendersTakeTurns(FloodCase):
    def test_others_do_not_wait_behind_a_flood(self):
        flood = self.journaled(5)
        other = self.journaled(author="anna@example.org")
        self.work()
        first, second, *_rest = self.order(flood | other)
        self.assertEqual((first, second), (flood[0], other))

    def test_the_mails_of_each_sender_keep_their_order(self):
        flood = self.journaled(3)
        anna = self.journaled(2, author="anna@example.org")
        bob = self.journaled(2, author="bob@example.org")
        self.work()
        rounds = [flood[0], anna[0], bob[0], flood[1], anna[1], bob[1], flood[2]]
        self.assertEqual(list(self.order(flood | anna | bob)), rounds)

    def test_who_writes_while_a_flood_is_routed_waits_for_one_mail_of_it(self):
        flood = self.journaled(6)
        queue = InboundQueue(self.registry)
        for _mail in range(3):
            queue._work(queue._next(self.env, []))
        other = self.journaled(author="anna@example.org")
        self.work()
        self.assertEqual(self.order(flood | other).ids.index(other.id), 4)

    def test_the_sender_is_whoever_is_in_from(self):
        row = self.journaled(author="Anna Smith <Anna@Example.org>")
        self.assertEqual(row.author, "anna@example.org")

    def test_a_mail_whose_from_names_nobody_counts_for_its_envelope_sender(self):
        mail = self.mail(From="nobody at all")
        post = InboundPost.from_raw(mail, "Bot@example.org", [f"people@{DOMAIN}"])
        row = self.journal.browse(self.journal._receive(self.domain, post, "token"))
        self.assertEqual(row.author, "bot@example.org")

    def test_whatever_is_in_from_the_mail_gets_into_the_journal(self):
        for author in (
            b"a\0b@example.org",
            b"\xff\xfe@example.org",
            b"=?utf-8?q?=ED=A0=80?=@example.org",
            b"x" * 5000 + b"@example.org",
            b"=?unknown?b?////?= <@>",
            b"(" * 500 + b" a@example.org",
        ):
            with self.subTest(author=author[:20]):
                mail = self.mail(From="FROM", message_id=f"<{hash(author)}@x>")
                mail = mail.replace(b"FROM", author)
                post = InboundPost.from_raw(mail, "", [f"people@{DOMAIN}"])
                ids = self.journal._receive(self.domain, post, str(hash(author)))
                self.assertEqual(len(ids), 1)

    def test_mail_that_is_tried_once_more_is_not_put_before_the_mail_of_others(self):
        flood = self.journaled(5)
        flood.write({"state": "held"})
        other = self.journaled(2, author="anna@example.org")
        flood.action_release()
        self.work()
        ids = self.order(flood | other).ids
        self.assertLess(ids.index(other[1].id), ids.index(flood[2].id))
        self.assertEqual(self.order(flood), flood)


@tagged("post_install", "-at_install")
class TestFloods(FloodCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param(THRESHOLD, "3")

    def test_the_rest_of_a_flood_is_held_at_once(self):
        flood = self.journaled(10)
        before = self.env["mail.mail"].search([])
        self.work()
        states = flood.mapped("state")
        self.assertEqual(states, ["done"] * 3 + ["held"] * 7)
        self.assertEqual(flood.mapped("attempt_count"), [1] * 4 + [0] * 6)
        held = flood[3:]
        self.assertEqual(held.mapped("is_looping"), [True] * 7)
        self.assertEqual(len(set(held.mapped("error"))), 1)
        self.assertIn("Allow Sender", held[-1].remedy)
        self.assertEqual(len(self.env["mail.mail"].search([]) - before), 1)

    def test_a_handful_is_left_to_cores_judgement(self):
        flood = self.journaled(6)
        self.work()
        self.assertEqual(flood.mapped("state"), ["done"] * 3 + ["held"] * 3)
        self.assertEqual(flood.mapped("attempt_count"), [1] * 6)

    def test_mail_of_others_and_to_other_addresses_is_not_held(self):
        self.alias.copy({"alias_name": "sales"})
        self.journaled(10)
        sales = self.journaled(2, to="sales")
        other = self.journaled(2, author="anna@example.org")
        row = self.journal.search([("author", "=", FLOOD)], order="id")[0]
        row.write({"state": "held", "is_looping": True, "error": "Too many."})
        self.assertEqual(row._hold_rest(), 9)
        self.assertEqual(set((sales | other).mapped("state")), {"pending"})

    def test_mail_of_which_nobody_knows_who_wrote_it_is_no_flood(self):
        rows = self.journaled(10)
        rows.write({"author": False})
        self.assertEqual(rows[0]._hold_rest(), 0)

    def test_what_a_person_has_released_is_not_held_again(self):
        flood = self.journaled(10)
        self.work()
        held = flood.filtered(lambda row: row.state == "held")
        held.action_release()
        self.work()
        self.assertEqual(set(flood.mapped("state")), {"done"})

    def test_allowing_the_sender_routes_all_that_was_held_of_him(self):
        flood = self.journaled(10)
        other = self.journaled(author="anna@example.org")
        self.work()
        other.write({"state": "held", "is_looping": True})
        flood[5].action_allow_sender()
        self.work()
        self.assertEqual(set(flood.mapped("state")), {"done"})
        self.assertEqual(other.state, "held")
