import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.tools.errors import UnreadableKey
from odoo.addons.mail_mailgun.tools.vault import (
    Vault,
    make_master_key,
    read_master_key,
)


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
        with self.assertRaisesRegex(UnreadableKey, "enter the key again"):
            Vault("master", "copy").open(closed)

    def test_another_master_key_cannot_open_it(self):
        closed = Vault("master", "database").close("key-1")
        with self.assertRaises(UnreadableKey):
            Vault("other", "database").open(closed)

    def file(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        return Path(folder) / "new" / "master.key"

    def test_the_master_key_is_made_once_and_found_again(self):
        path = self.file()
        first = make_master_key(path)
        self.assertGreaterEqual(len(first), 32)
        self.assertEqual(make_master_key(path), first)
        self.assertEqual(read_master_key(path), first)
        self.assertEqual([path], list(path.parent.iterdir()))

    def test_only_the_server_may_read_the_master_key(self):
        path = self.file()
        make_master_key(path)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)

    def test_reading_makes_nothing(self):
        path = self.file()
        with self.assertRaisesRegex(UnreadableKey, "has no master key"):
            read_master_key(path)
        self.assertFalse(path.parent.exists())

    def test_a_file_in_place_of_the_folder_is_named(self):
        path = self.file()
        path.parent.write_text("")
        for use in (read_master_key, make_master_key):
            with self.assertRaisesRegex(UnreadableKey, "Not a directory"):
                use(path)

    def test_of_two_servers_that_make_it_at_once_both_get_the_same(self):
        path, barrier = self.file(), threading.Barrier(8)

        def make(_number):
            barrier.wait()
            return make_master_key(path)

        with ThreadPoolExecutor(8) as pool:
            self.assertEqual(len(set(pool.map(make, range(8)))), 1)
