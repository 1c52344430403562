import stat
import tempfile
from pathlib import Path

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import UnreadableKey
from odoo.addons.mail_mailgun.tools.vault import Vault, master_key_file


@tagged("mailgun_tools")
class TestVault(BaseCase):
    def test_a_closed_secret_opens_again(self):
        vault = Vault("master", "database")
        self.assertEqual(vault.open(vault.close("key-1")), "key-1")

    def test_a_closed_secret_shows_nothing_of_itself(self):
        closed = Vault("master", "database").close("key-1")
        self.assertNotIn("key-1", closed)

    def test_another_database_cannot_open_it(self):
        closed = Vault("master", "database").close("key-1")
        with self.assertRaisesRegex(UnreadableKey, "Enter it again"):
            Vault("master", "copy").open(closed)

    def test_another_master_key_cannot_open_it(self):
        closed = Vault("master", "database").close("key-1")
        with self.assertRaises(UnreadableKey):
            Vault("other", "database").open(closed)

    def test_the_master_key_is_made_once_and_found_again(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new" / "master.key"
            first = master_key_file(path)
            self.assertGreaterEqual(len(first), 32)
            self.assertEqual(master_key_file(path), first)
            self.assertEqual([path], list(path.parent.iterdir()))

    def test_only_the_server_may_read_the_master_key(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "new" / "master.key"
            master_key_file(path)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
