import json

from odoo.tests import tagged

from .test_suppressions import SuppressionCase


@tagged("post_install", "-at_install")
class TestMarketing(SuppressionCase):
    def setUp(self):
        super().setUp()
        self.blacklist = self.env["mail.blacklist"]
        self.blacklist.search([]).unlink()
        self.domain.is_marketing = True

    def at_mailgun(self):
        return set(self.mailgun.suppressed["unsubscribes"])

    def test_by_default_the_blacklist_is_odoos_alone(self):
        self.domain.is_marketing = False
        self.blacklist._add("anna@example.org")
        self.ask()
        self.assertFalse(self.at_mailgun())

    def test_a_domain_for_newsletters_takes_the_blacklist_over(self):
        self.blacklist._add("Anna@example.org")
        self.blacklist._add("elsewhere@example.org")
        self.ask()
        self.assertEqual(
            self.at_mailgun(), {"anna@example.org", "elsewhere@example.org"}
        )
        self.mailgun.seen.clear()
        self.ask()
        self.assertEqual(self.mailgun.changes(), [])

    def test_new_entries_follow_in_one_call(self):
        self.ask()
        for number in range(30):
            self.blacklist._add(f"p{number}@example.org")
        self.ask()
        self.assertEqual(len(self.at_mailgun()), 30)
        self.assertEqual(len(self.mailgun.changes()), 1)

    def test_who_is_taken_off_the_blacklist_is_taken_off_the_list(self):
        self.blacklist._add("anna@example.org")
        self.ask()
        self.blacklist._remove("anna@example.org")
        self.ask()
        self.assertFalse(self.at_mailgun())
        found = self.blacklist.search([("email", "=", "anna@example.org")])
        self.assertFalse(found, "our own entry does not come back as news")

    def test_a_blacklist_entry_that_was_deleted_counts_as_taken_off(self):
        self.blacklist._add("anna@example.org")
        self.ask()
        self.blacklist.search([("email", "=", "anna@example.org")]).unlink()
        self.ask()
        self.assertFalse(self.at_mailgun())

    def test_who_unsubscribed_at_mailgun_is_never_taken_off_there(self):
        self.suppress("unsubscribes", ago=60)
        self.ask()
        self.assertTrue(self.blacklisted())
        self.blacklist._remove("anna@example.org")
        self.ask()
        self.assertEqual(self.at_mailgun(), {"anna@example.org"})

    def test_so_is_who_had_unsubscribed_before_the_domain_became_one(self):
        self.domain.is_marketing = False
        self.suppress("unsubscribes", ago=60)
        self.ask()
        self.domain.is_marketing = True
        self.ask()
        self.blacklist._remove("anna@example.org")
        self.ask()
        self.assertEqual(self.at_mailgun(), {"anna@example.org"})

    def test_when_it_is_switched_off_ours_are_taken_back(self):
        self.suppress("unsubscribes", "bob@example.org", ago=60)
        self.blacklist._add("anna@example.org")
        self.ask()
        self.assertEqual(self.at_mailgun(), {"anna@example.org", "bob@example.org"})
        self.domain.is_marketing = False
        self.ask()
        self.assertEqual(self.at_mailgun(), {"bob@example.org"})

    def test_an_address_that_mailgun_refuses_does_not_hold_up_the_others(self):
        respond = self.mailgun.respond

        def refuse(seen):
            if seen.method == "POST" and "bad@example.org" in str(seen.body):
                body = json.dumps({"message": "not a valid address"}).encode()
                return 400, body, "application/json"
            return respond(seen)

        self.mailgun.respond = refuse
        for name in ("a", "bad", "c"):
            self.blacklist._add(f"{name}@example.org")
        self.ask()
        self.assertEqual(self.at_mailgun(), {"a@example.org", "c@example.org"})
        self.mailgun.seen.clear()
        self.ask()
        self.assertEqual(self.mailgun.changes(), [])

    def test_without_the_pulled_blacklist_it_still_knows_whose_entries_are(self):
        self.domain.blacklist_unsubscribed = False
        self.suppress("unsubscribes", ago=60)
        self.ask()
        self.assertFalse(self.blacklisted())
        self.blacklist._add("anna@example.org")
        self.ask()
        self.blacklist._remove("anna@example.org")
        self.ask()
        self.assertEqual(self.at_mailgun(), {"anna@example.org"})
