"""Mail out: the server type, sending in lanes, the ledger of what was handed over, and
mail that waits or is in doubt.

Uses ``domain`` and ``transactions``, and never ``inbound``.
"""

from . import mailgun_delivery

# isort: split
from . import (
    core_log,
    deciding,
    doubt,
    ir_mail_server,
    mail_mail,
    mailgun_domain,
    queue,
    uncommitted,
    waiting,
)
