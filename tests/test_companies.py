from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import DOMAIN
from .test_connect import ConnectCase


@tagged("post_install", "-at_install")
class TestCompanies(ConnectCase):
    """Two companies, each with its domain and addresses, and who looks at both."""

    def setUp(self):
        super().setUp()
        self.mine = self.env.company
        self.other = self.env["res.company"].create({"name": "Other Company"})
        elsewhere = self.env["mail.alias.domain"].create({"name": "mine.example.org"})
        self.mine.alias_domain_id = elsewhere
        self.env["ir.mail_server"].create(
            {"name": "Mine", "smtp_host": "x", "from_filter": "mine.example.org"}
        )
        self.other.alias_domain_id = False
        self.env.user.company_ids |= self.other

    def connect_for(self, company):
        """Connect the domain as somebody who works for a company."""
        env = self.env(context={"allowed_company_ids": company.ids})
        wizard = self.wizard().with_env(env)
        wizard.action_find_domains()
        return self.finish(wizard)

    def test_connect_says_whose_domain_it_is(self):
        domain = self.connect_for(self.other)
        self.assertEqual(domain.company_id, self.other)
        self.assertEqual(self.other.alias_domain_id.name, DOMAIN)
        self.assertEqual(self.mine.alias_domain_id.name, "mine.example.org")

    def test_a_domain_of_another_company_is_judged_by_that_companys_mail(self):
        domain = self.connect_for(self.other).with_env(self.env)
        self.assertEqual(self.env.company, self.mine)
        self.assertEqual(self.line(domain, "Senders").level, "ok")
        self.assertIn(f"notifications@{DOMAIN}", domain.preview_from)
        self.assertIn(f"catchall@{DOMAIN}", domain.preview_reply_to)

    @mute_logger("odoo.addons.base.models.ir_mail_server")
    def test_a_warning_names_the_company(self):
        domain = self.connect_for(self.other).with_env(self.env)
        self.other.alias_domain_id.default_from = "info@third.example.org"
        domain.invalidate_recordset()
        self.assertIn("Other Company", domain.preview_warning)

    def test_who_works_for_the_company_sees_the_same(self):
        domain = self.connect_for(self.other)
        groups = "base.group_system"
        companies = {"company_id": self.other.id, "company_ids": self.other.ids}
        admin = new_test_user(self.env, "other_admin", groups, **companies)
        self.assertEqual(self.line(domain.with_user(admin), "Senders").level, "ok")

    def test_other_companies_whose_mail_is_concerned_are_named(self):
        domain = self.connect_for(self.other)
        mine = domain.with_env(self.env)
        self.assertIn("Other Company", self.line(mine, "Companies").text)
        theirs = domain.with_company(self.other)
        titles = [line.title for line in theirs._health_lines()]
        self.assertNotIn("Companies", titles)
        wizard = self.wizard()
        wizard.action_find_domains()
        self.assertEqual(wizard.other_companies, "Other Company")

    def test_the_first_addresses_are_given_to_all_companies_and_they_are_named(self):
        self.mine.alias_domain_id = False
        self.env["mail.alias"].search([]).alias_domain_id = False
        self.env["mail.alias.domain"].search([]).unlink()
        wizard = self.wizard()
        wizard.action_find_domains()
        self.assertIn("Other Company", wizard.other_companies)
        domain = self.finish(wizard)
        self.assertEqual(domain.company_id, self.mine)
        self.assertIn("Other Company", self.line(domain, "Companies").text)
