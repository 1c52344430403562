from odoo.tests import TransactionCase, tagged

# What of a row changes after it was written.
CHANGES = {
    "mailgun_event": {"state", "error", "payload"},
    "mailgun_delivery": {
        *("state", "doubt", "reason", "reason_kind", "asked_at", "asked_since"),
        *("accepted_at", "deferred_at", "delivered_at", "opened_at", "clicked_at"),
        *("unsubscribed_at", "suppressed_at", "failed_at", "bounced_at"),
        *("complained_at", "machine_opened_at", "open_count", "click_count"),
    },
}


@tagged("post_install", "-at_install")
class TestRoom(TransactionCase):
    def indexes(self, table):
        """Return by index which columns it looks at, its condition included."""
        self.env.flush_all()
        self.env.cr.execute(
            """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
                 FROM pg_index WHERE indrelid = %s::regclass""",
            [table],
        )
        return dict(self.env.cr.fetchall())

    def test_no_index_looks_at_what_changes(self):
        # An update that touches no index stays on its page and costs nothing later.
        for table, columns in CHANGES.items():
            for name, definition in self.indexes(table).items():
                words = set(definition.replace("(", " ").replace(")", " ").split())
                words = {word.strip(",") for word in words}
                self.assertFalse(words & columns, (name, definition))

    def test_no_index_is_the_beginning_of_another(self):
        for table in CHANGES:
            keys = {}
            for name, definition in self.indexes(table).items():
                if " WHERE " not in definition:
                    keys[name] = definition.rpartition("(")[2].rstrip(")").split(", ")
            for name, key in keys.items():
                for other, longer in keys.items():
                    if other != name:
                        self.assertNotEqual(key, longer[: len(key)], (name, other))
