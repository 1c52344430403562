"""The domain at Mailgun: its keys, what Mailgun's account holds of it, its set-up, who
has signed a post, and the frame of its health.

Uses ``transactions``; knows neither mail that comes in nor mail that goes out.
"""

from . import keys, mailgun_domain

# isort: split
from . import (
    alarms,
    alarms_telling,
    aliases,
    health,
    mailgun_used_token,
    odoo_setup,
    place,
    preview,
    provisioning,
    record,
    route,
    scheduled_actions,
    signature,
    watch,
    webhooks,
)
