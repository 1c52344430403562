import re
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun import const
from odoo.addons.mail_mailgun.controllers.inbound import MAX_MESSAGE_PARAMETER
from odoo.addons.mail_mailgun.models.domain.alarms import FREE_BYTES
from odoo.addons.mail_mailgun.models.events import rates
from odoo.addons.mail_mailgun.models.inbound.inbound_queue import SLOTS_PARAMETER
from odoo.addons.mail_mailgun.models.inbound.mailgun_inbound_email import (
    MAX_ACTIVITIES,
    RETENTION,
)
from odoo.addons.mail_mailgun.models.outgoing.mailgun_domain import (
    CONNECTIONS_PER_LANE,
)
from odoo.addons.mail_mailgun.tools.mime.core_copy import SHOWN

ROOT = Path(__file__).parents[1]
MIB = const.MIB
ADMINISTRATOR, OPERATOR = "docs/administrator.rst", "docs/operator.rst"
SECURITY, COMING = "docs/security.rst", "docs/coming_from.rst"
APPS_PAGE = "static/description/index.html"
DOCUMENTS = ("README.rst", ADMINISTRATOR, OPERATOR, SECURITY, COMING)

# document, what stands there around each figure, and the figures of the code
FIGURES = [
    (ADMINISTRATOR, "*Concurrent Sends*, #)", [const.DEFAULT_LANES]),
    (ADMINISTRATOR, "After # hours, counted from", [const.SENDING_GIVES_UP / 3600]),
    (ADMINISTRATOR, "tried again every # minutes", [const.SETTING_PAUSE / 60]),
    (ADMINISTRATOR, "counts after # minutes", [const.DEFAULT_SETTLING_MINUTES]),
    (ADMINISTRATOR, "(# hours, *Ask Before", [const.DEFAULT_STALE_HOURS]),
    (ADMINISTRATOR, "for # days word for word", [const.PAYLOAD_RETENTION_DAYS]),
    (ADMINISTRATOR, "and # at most that are open", [MAX_ACTIVITIES]),
    (ADMINISTRATOR, "was stopped # times, in 20", [const.ROUTING_KILLS]),
    (ADMINISTRATOR, "After # days without a", [RETENTION["keep_trouble_days"]]),
    (ADMINISTRATOR, "for the last # days:", [rates.RATE_DAYS]),
    (
        ADMINISTRATOR,
        "less than # % and never # %,",
        [rates.COMPLAINTS_GOAL, rates.COMPLAINTS_LIMIT],
    ),
    (
        ADMINISTRATOR,
        "warns from # % on. It takes # delivered",
        [rates.COMPLAINTS_WARNING, rates.ENOUGH_FOR_COMPLAINTS],
    ),
    (ADMINISTRATOR, "publish; # % is", [rates.BOUNCES_LIMIT]),
    (
        ADMINISTRATOR,
        "warns from # % on. It takes # mails",
        [rates.BOUNCES_WARNING, rates.ENOUGH_FOR_BOUNCES],
    ),
    (
        ADMINISTRATOR,
        "messages of up to # MB; more than # recipients",
        [const.MAX_MESSAGE_MB, const.MAX_RECIPIENTS],
    ),
    (ADMINISTRATOR, "of tags the first # count", [const.MAX_TAGS]),
    (ADMINISTRATOR, "shows the first # kB", [SHOWN / 1024]),
    (OPERATOR, "less than # MB are free", [FREE_BYTES / MIB]),
    (OPERATOR, "mails of up to # MiB", [const.DEFAULT_MAX_MESSAGE_MIB]),
    (OPERATOR, "process holds # MiB of large", [const.MAX_BODIES_BYTES / MIB]),
    (OPERATOR, "out, # workers at the same", [const.DEFAULT_ROUTING_SLOTS]),
    (OPERATOR, "*Concurrent Sends* of a domain (#)", [const.DEFAULT_LANES]),
    (OPERATOR, "a #th of ``db_maxconn`` is used", [CONNECTIONS_PER_LANE]),
    (OPERATOR, "turns: # MiB of files", [const.LANES_BYTES / MIB]),
    (
        SECURITY,
        "and for # hours (# minutes ahead",
        [const.SIGNATURE_MAX_AGE / 3600, const.SIGNATURE_MAX_AHEAD / 60],
    ),
    (
        SECURITY,
        "(# MiB for a mail, # MiB for an event, # MiB of large posts",
        [
            const.DEFAULT_MAX_MESSAGE_MIB,
            const.MAX_JSON_BYTES / MIB,
            const.MAX_BODIES_BYTES / MIB,
        ],
    ),
    (
        SECURITY,
        "# days once it is routed, ``keep_bytes_days``",
        [RETENTION["keep_bytes_days"]],
    ),
    (
        SECURITY,
        "# days once it is routed, ``keep_rows_days``",
        [RETENTION["keep_rows_days"]],
    ),
    (SECURITY, "# days, ``keep_trouble_days``", [RETENTION["keep_trouble_days"]]),
    (SECURITY, "# days, ``keep_deliveries_days``", [const.DELIVERY_RETENTION_DAYS]),
    (SECURITY, "# days, ``keep_events_days``", [const.EVENT_RETENTION_DAYS]),
    (SECURITY, "# days, ``keep_payloads_days``", [const.PAYLOAD_RETENTION_DAYS]),
    (SECURITY, "told anything for # days", [const.PENDING_DAYS]),
    (COMING, "as it is, up to # MiB", [const.DEFAULT_MAX_MESSAGE_MIB]),
    (
        APPS_PAGE,
        "Emails out of up to # MB, in of up to # MiB.",
        [const.MAX_MESSAGE_MB, const.DEFAULT_MAX_MESSAGE_MIB],
    ),
]

# What is in italics and stands on screens of Odoo, Mailgun or OCA, or on none.
OTHERS = """Apps; Update Apps List; General Settings; System Parameters; Privacy Lookup;
Cancel; Keep Attachments; Keep Original; Create a New Record; FROM Filtering; Outgoing;
API Security; HTTP webhook signing key; Admin; Sending; Domains; Logs; tag;
Tracking emails; Unregister Mailgun webhooks; Re-sync Mailgun; Set Bounced;
Unset Bounced; Check email validity;
libmagic; nginx; Caddy; Traefik; debug; suppressed; not proven; transport; pipe"""

WORDS = {"two": 2, "three": 3, "four": 4, "fif": 5, "five": 5}

# As documents write them, any of their parts being written out.
PARAMETER = re.compile(r"``mail_mailgun\.([a-z_]+)``")


@tagged("mailgun_tools")
class TestDocuments(BaseCase):
    def text(self, name):
        return " ".join((ROOT / name).read_text().split())

    def test_figures_are_those_of_the_code(self):
        for document, sentence, figures in FIGURES:
            with self.subTest(document=document, sentence=sentence):
                pattern = re.escape(sentence).replace(r"\#", r"([\d.,]+|[a-z]+)")
                found = re.findall(pattern, self.text(document))
                self.assertEqual(len(found), 1, "stands there once")
                texts = found[0] if isinstance(found[0], tuple) else found
                self.assertEqual([_number(text) for text in texts], figures)

    def test_alarms_are_told_after_the_minutes_that_are_written(self):
        rows = re.findall(r"``(\w+)`` +(\d+) ", (ROOT / OPERATOR).read_text())
        self.assertEqual(
            {kind: int(minutes) for kind, minutes in rows}, const.ALARM_MINUTES
        )

    def test_parameters_are_read_by_the_code(self):
        known = {MAX_MESSAGE_PARAMETER, SLOTS_PARAMETER}
        known |= {f"mail_mailgun.{name}" for name in RETENTION}
        for document in DOCUMENTS:
            for name in PARAMETER.findall(self.text(document)):
                with self.subTest(document=document):
                    self.assertIn(f"mail_mailgun.{name}", known)

    def test_what_is_in_italics_stands_on_a_screen(self):
        files = [ROOT / "const.py"]
        for where in (
            "models/**/*.py",
            "wizard/*.py",
            "views/*.xml",
            "static/src/**/*.*",
        ):
            files += ROOT.glob(where)
        written = "".join(one.read_text() for one in files)
        names = re.findall(r"^    (\w+) = fields\.", written, re.MULTILINE)
        shown = {name.replace("_", " ").title() for name in names}
        shown |= set(" ".join(OTHERS.split()).split("; "))
        # A sentence of the code goes on in the next line.
        written = " ".join(written.split()).replace('" "', "")
        for document in DOCUMENTS:
            tree = publish_doctree((ROOT / document).read_text())
            for label in tree.findall(nodes.emphasis):
                for part in re.split(r" > |: ", " ".join(label.astext().split())):
                    with self.subTest(document=document, label=part):
                        self.assertTrue(part in shown or part in written)


def _number(text):
    """Return what a word or a figure with thousands means."""
    return WORDS.get(text) or float(text.replace(",", ""))
