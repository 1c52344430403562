"""What the servers have logged meanwhile."""

import re

from ..lab.lab import Lab
from ..servers import odoo_log
from ..servers.odoo_log import Record
from ..servers.sentences import Subject, same

SUBJECT = Subject("logs")

# What the sentences before have provoked: logger, and how the text begins.
_PROVOKED = (
    ("odoo.http", r"Changed my mind"),
    # A mail program posts it with one click, and core takes the rest only.
    ("odoo.http", r".*mailing_unsubscribe> called ignoring args {'List-Unsubscribe'}"),
    ("odoo.addons.mail.models.mail_mail", r"failed sending mail .* Mailgun did not"),
    # A mail whose state cannot be written, and connections that PostgreSQL refuses.
    ("odoo.sql_db", r"(?s)bad query: .*the lab does not like it"),
    ("odoo.sql_db", r"Connection to the database failed"),
    (
        "odoo.addons.mail_mailgun.controllers.answers",
        r"Refused a post to .* with 503: there is no database connection",
    ),
    # Fetching that came before a post that was under way.
    ("odoo.addons.mail_mailgun.models.inbound.fetchmail_server", r"Missed mail: "),
    # Strangers, each with one line.
    (
        "odoo.addons.mail_mailgun.controllers.answers",
        r"Refused a post to .* with 401: (not a request|the field signature is mal)",
    ),
    ("odoo.addons.mail.models.mail_mail", r"(?s).*the lab does not like it"),
    ("odoo.addons.mail_mailgun.models.outgoing.mail_mail", r"Mail \d+ ends with"),
    ("odoo.addons.mail_mailgun.models.outgoing.lanes", r"A lane .* has no database"),
    ("odoo.service.server", r"WorkerCron .* timeout after"),
    ("odoo.addons.base.models.ir_cron", r"Job 'Mailgun: route .* timed out"),
    (
        "odoo.addons.mail_mailgun.models.inbound.failed_mail",
        r"Inbound mail \d+ failed for good: Odoo stopped 4 times",
    ),
    (
        "odoo.addons.mail_mailgun.models.inbound.failed_mail",
        r"Inbound mail \d+ failed for good: ValueError: Wrong value for res.partner",
    ),
    # A server without its master key, and a database whose mail another one gets.
    (
        "odoo.addons.mail_mailgun.controllers.answers",
        r"Refused a post to .* with 503: the webhook signing key .* cannot be used",
    ),
    ("odoo.http", r"Mail for .* goes to another database"),
)

# By PostgreSQL.
_REFUSED = "too many connections for database"

# A frame of ours in a traceback: paths of the machine may have our name, too.
_OURS = re.compile(r"/mail_mailgun/(controllers|models|tools)/")


@SUBJECT.says
def nothing_else_is_logged(lab: Lab) -> None:
    """Odoo has logged no warning and no error but what was provoked."""
    troubles = [
        str(entry)
        for log in lab.logs
        for entry in odoo_log.read(log)
        if entry.is_trouble and not _is_provoked(entry)
    ]
    same("troubles", "\n".join(troubles), "")


def _is_ours(record: Record) -> bool:
    return "mail_mailgun" in record.logger or bool(_OURS.search(record.text))


def _is_provoked(record: Record) -> bool:
    # Where core has got no connection for itself that is core's business.
    is_cores = _REFUSED in record.text and not _is_ours(record)
    return is_cores or any(
        record.logger == logger and re.match(pattern, record.text)
        for logger, pattern in _PROVOKED
    )
