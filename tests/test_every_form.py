from lxml import html

from odoo.tests import Form, tagged

from .common import MailgunCase


@tagged("post_install", "-at_install")
class TestEveryForm(MailgunCase):
    """Opens each form of the module as the client does for a record that is new."""

    def forms(self):
        """Return the forms that this module defines or extends, as (model, view)."""
        ours = self.env["ir.model.data"].search(
            [("module", "=", "mail_mailgun"), ("model", "=", "ir.ui.view")]
        )
        views = self.env["ir.ui.view"].browse(ours.mapped("res_id"))
        forms = views.filtered(lambda view: view.type == "form")
        return [(view.model, view.inherit_id or view) for view in forms]

    def test_every_form_opens_empty(self):
        self.assertGreater(len(self.forms()), 10)
        for model, view in self.forms():
            for bin_size in (False, True):
                with self.subTest(model=model, view=view.name, bin_size=bin_size):
                    Form(self.env[model].with_context(bin_size=bin_size), view)

    def test_every_empty_list_says_what_to_do(self):
        actions = self.env["ir.actions.act_window"].search(
            [("view_mode", "like", "list"), ("res_model", "like", "mailgun.%")]
        )
        actions |= self.env.ref("mail_mailgun.mail_mail_action_decide")
        self.assertGreater(len(actions), 4)
        for action in actions:
            with self.subTest(action=action.name):
                title, advice = html.fromstring(f"<div>{action.help}</div>")
                self.assertEqual(title.get("class"), "o_view_nocontent_smiling_face")
                # A button to press, or a screen to go to, which is there.
                self.assertTrue(advice.findall("b") or advice.findall("a"))
                for link in advice.findall("a"):
                    self.env["ir.actions.act_window"]._for_xml_id(link.get("name"))

    def test_a_new_domain_shows_nothing_of_its_mail_until_it_has_a_name(self):
        form = Form(self.env["mailgun.domain"])
        self.assertFalse(form.preview_return_path)
        self.assertFalse(form.preview_alignment)
        self.assertFalse(form.preview_warning)
        self.assertFalse(form.route_expression)
        form.name = "mail.example.net"
        self.assertEqual(form.preview_return_path, "bounce+…@mail.example.net")
        self.assertEqual(form.preview_alignment, "none")
        self.assertEqual(form.save().state, "draft")

    def test_editing_a_domain_changes_nothing_of_what_it_shows(self):
        self.env["ir.mail_server"].create(
            {
                "name": "Mailgun",
                "smtp_authentication": "mailgun",
                "mailgun_domain_id": self.domain.id,
                "from_filter": self.domain.name,
                "sequence": 0,
            }
        )
        form = Form(self.domain)
        shown = form.health, form.waiting_count, form.preview_warning
        form.alias_domain_id = self.env["mail.alias.domain"].create(
            {"name": "other.example.net"}
        )
        form.test_mode = True
        self.assertEqual((form.health, form.waiting_count, form.preview_warning), shown)
