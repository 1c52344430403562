"""Who may import what is written in pyproject.toml; an import against it is found."""

import tempfile
import unittest
from pathlib import Path

from workbench.checks.lint import arrows
from workbench.machine import sources

# file -> an import in it that some contract forbids, and how it is told of
AGAINST = {
    "const.py": ("from .tools import turns", "const -> mail_mailgun.tools.turns"),
    "tools/turns.py": ("from ..models import domain", "-> mail_mailgun.models.domain"),
    "models/domain/keys.py": (
        "from ...controllers import answers",
        "models.domain.keys -> mail_mailgun.controllers.answers",
    ),
    "wizard/mailgun_connect.py": (
        "from ..controllers import answers",
        "wizard.mailgun_connect -> mail_mailgun.controllers.answers",
    ),
    "models/transactions/locks.py": (
        "from ..domain import keys",
        "transactions.locks -> mail_mailgun.models.domain.keys",
    ),
    "models/domain/odoo_setup.py": (
        "from ..inbound import recovery",
        "domain.odoo_setup -> mail_mailgun.models.inbound.recovery",
    ),
    "models/inbound/routing.py": (
        "from ..outgoing import lanes",
        "inbound.routing -> mail_mailgun.models.outgoing.lanes",
    ),
    "models/outgoing/lanes.py": (
        "from ..inbound import routing",
        "outgoing.lanes -> mail_mailgun.models.inbound.routing",
    ),
    "models/outgoing/queue.py": (
        "from ..events import rates",
        "outgoing.queue -> mail_mailgun.models.events.rates",
    ),
    "models/events/rates.py": (
        "from ..suppressions import lists",
        "events.rates -> mail_mailgun.models.suppressions.lists",
    ),
    "tools/mime/forms.py": (
        "from ..api import client",
        "mime.forms -> mail_mailgun.tools.api.client",
    ),
    "tools/throttle.py": ("from odoo.tools import config", "throttle -> odoo"),
    "models/domain/account.py": ("import requests", "account -> requests"),
    "controllers/events.py": ("import hmac", "events -> hmac"),
    "models/domain/signature.py": (
        "from cryptography import fernet",
        "signature -> cryptography",
    ),
    "tools/mime/verdicts.py": ("import magic", "verdicts -> magic"),
    "tests/common.py": ("import workbench.machine", "common -> workbench.machine"),
    "dev/workbench/machine/ports.py": (
        "import mail_mailgun.const",
        "workbench.machine.ports -> mail_mailgun.const",
    ),
    "dev/mailgun_sandbox/app.py": (
        "import workbench.machine",
        "mailgun_sandbox.app -> workbench.machine",
    ),
    "dev/workbench/machine/steps.py": (
        "from ..servers import odoo",
        "machine.steps -> workbench.servers.odoo",
    ),
}


class TestArrows(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.module = Path(folder.name, "mail_mailgun")
        for suffix in (".py", "pyproject.toml"):
            sources.copy_to(self.module, suffix)

    def test_what_stands_there_keeps_to_them(self):
        self.assertEqual(arrows(self.module), "")

    def test_each_import_against_them_is_found(self):
        for name, (line, _told) in AGAINST.items():
            with (self.module / name).open("a") as file:
                file.write(f"\n\n{line}\n")
        said = arrows(self.module)
        self.assertIn(" 0 kept, ", said)
        for name, (line, told) in AGAINST.items():
            with self.subTest(f"{line} in {name}"):
                self.assertIn(told, said)

    def test_a_wing_that_no_contract_names_is_found(self):
        (self.module / "models" / "newcomer.py").touch()
        self.assertIn("mail_mailgun.models.newcomer", arrows(self.module))
