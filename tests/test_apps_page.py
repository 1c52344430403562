from odoo.tests import HttpCase, tagged

# Waits until all is there, and tells what the page has shown and loaded.
LOOK = """
(async () => {
    const page = document.querySelector("[name='description_html'] section");
    await Promise.all([...page.querySelectorAll("img")].map((img) => img.decode()));
    const title = page.querySelector("h1").textContent;
    const name = document.querySelector(".o_form_view [name='shortdesc']").textContent;
    if (title !== name) {
        throw new Error(`The page is about ${title}`);
    }
    console.log("test successful");
})();
"""


@tagged("post_install", "-at_install")
class TestAppsPage(HttpCase):
    """The page of the module in Apps."""

    def setUp(self):
        super().setUp()
        self.asked = []

    def fetch_proxy(self, url):
        """Note what the browser asks other hosts for, in place of asking them."""
        self.asked.append(url)
        return super().fetch_proxy(url)

    def test_the_page_in_apps_asks_no_other_host(self):
        module = self.env.ref("base.module_mail_mailgun")
        self.browser_js(
            f"/odoo/action-base.open_module_tree/{module.id}",
            LOOK,
            "!!document.querySelector(\"[name='description_html'] section\")",
            login="admin",
        )
        self.assertEqual(self.asked, [])

    def test_its_name_fits_into_the_list(self):
        module = self.env.ref("base.module_mail_mailgun")
        self.assertLessEqual(len(module.shortdesc), 25)
        self.assertIn("Mailgun", module.shortdesc)
