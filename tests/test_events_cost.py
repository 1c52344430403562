from odoo.tests import tagged

from odoo.addons.mail_mailgun.models.domain import keys as secret_keys
from odoo.addons.mail_mailgun.tools.event_post import event_of
from odoo.addons.mail_mailgun.tools.signature import Signature

from .common import DOMAIN, MailgunCase, signed


@tagged("post_install", "-at_install")
class TestEventsCost(MailgunCase):
    """What an event costs until it is answered."""

    def take(self, number, *key):
        domains, names = self.env["mailgun.domain"], {DOMAIN}
        signature = Signature.read(**signed(*key))
        signer = domains._recall_signer(signature, names)
        signer = signer or domains._authenticate(signature, names)[DOMAIN]
        event = event_of({"id": f"e{number}", "event": "delivered"})
        events = self.env["mailgun.event"]
        return events._receive_signed(signer, event, signature.token)

    def test_an_event_takes_one_query_once_its_signer_is_known(self):
        self.take(1)
        with self.assertQueryCount(__system__=1):
            self.assertTrue(self.take(2))

    def test_a_signer_that_is_not_known_takes_one_query_more(self):
        self.take(1)
        with self.assertQueryCount(__system__=2):
            signature = Signature.read(**signed())
            self.env["mailgun.domain"]._authenticate(signature, {DOMAIN})
            self.take(2)

    def test_so_it_is_when_the_key_has_changed(self):
        self.take(1)
        self.domain.webhook_signing_key = "new"
        self.env.flush_all()
        self.take(2, "new")
        with self.assertQueryCount(__system__=1):
            self.assertTrue(self.take(3, "new"))

    def test_what_strangers_ask_for_is_not_remembered(self):
        domains, signature = self.env["mailgun.domain"], Signature.read(**signed())
        # Which database this is, Odoo remembers.
        domains._database_identity()
        for _time in range(2):
            with self.assertQueryCount(__system__=1):
                self.assertIsNone(domains._recall_signer(signature, {"example.net"}))

    def test_a_stored_key_is_opened_once_in_a_process(self):
        self.take(1)
        opened = secret_keys._open.cache_info().misses
        self.take(2)
        self.assertEqual(secret_keys._open.cache_info().misses, opened)
