"""Mail in: the journal, its queue, routing to ``mail.thread``, the policies on what
came, and recovery of what did not.

Uses ``domain`` and ``transactions``, and never ``outgoing``.
"""

from . import mailgun_inbound_email

# isort: split
from . import (
    arrivals,
    attachments,
    core_copy,
    failed_mail,
    fetchmail_server,
    floods,
    ir_attachment,
    mail_thread,
    mailgun_domain,
    mailgun_held_attachment,
    policy,
    reach,
    repetition,
    routing,
)
