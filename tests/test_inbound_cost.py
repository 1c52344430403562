from unittest.mock import patch

from odoo.sql_db import Cursor
from odoo.tests import tagged

from odoo.addons.mail_mailgun.tools.mime.inbound import InboundPost

from .common import DOMAIN, MailgunRoutingCase

STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
TABLES = ("mailgun_inbound_email", "mailgun_round_trip")


@tagged("post_install", "-at_install")
class TestInboundCost(MailgunRoutingCase):
    """What a mail costs, whatever the journal holds already."""

    def take(self, number=1):
        mail = self.mail(message_id=f"<{number}@example.org>")
        post = InboundPost.from_raw(mail, "", [f"people@{DOMAIN}"])
        self.journal._receive_signed([(self.domain, post)], f"token-{number}")

    def recorded(self, work):
        """Return the SQL that ``work`` runs on tables that grow."""
        queries, execute = [], Cursor.execute

        def record(cursor, query, params=None, *args, **kwargs):
            result = execute(cursor, query, params, *args, **kwargs)
            queries.append(cursor._obj.query.decode())
            return result

        with patch.object(Cursor, "execute", record):
            work()
        return [
            query
            for query in queries
            if any(f'"{table}"' in query or f" {table}" in query for table in TABLES)
            and query.lstrip().startswith(STATEMENTS)
        ]

    def test_taking_a_mail_takes_few_queries(self):
        self.take(1)
        self.env.flush_all()
        with self.assertQueryCount(__system__=5):
            self.take(2)

    def test_every_query_on_the_journal_uses_an_index(self):
        self.take(1)

        def work():
            self.take(2)
            self.work()
            row = self.journal.search([], limit=1)
            row._hold_rest()
            row.state = "held"
            row.action_release()

        queries = self.recorded(work)
        self.assertGreater(len(queries), 5)
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for query in dict.fromkeys(queries):
            self.env.cr.execute(f"EXPLAIN {query}")
            plan = "\n".join(line for (line,) in self.env.cr.fetchall())
            with self.subTest(query=query):
                for table in TABLES:
                    self.assertNotIn(f"Seq Scan on {table}", plan)
