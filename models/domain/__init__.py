"""The domain at Mailgun: its keys, what Mailgun's account holds of it, its set-up, who
has signed a post, and the frame of its health.

Uses ``transactions``; knows neither mail that comes in nor mail that goes out.
"""

from . import keys, mailgun_domain

# isort: split
from . import (
    account,
    alarms,
    aliases,
    health,
    mailgun_used_token,
    place,
    preview,
    record,
    route,
    scheduled_actions,
    setup,
    signature,
    telling,
    watch,
    webhooks,
)
