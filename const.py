"""Facts of Mailgun and of this module that several files share. Imports nothing."""

# --- Mailgun: hosts and limits -------------------------------------------------------
# https://documentation.mailgun.com/docs/mailgun/api-reference/api-overview

REGION_HOSTS = {
    "us": "https://api.mailgun.net",
    "eu": "https://api.eu.mailgun.net",
}
# Replaces the hosts above, for tests and private gateways. An environment variable and
# never a database value: whoever administers a database must not redirect its keys.
API_URL_VARIABLE = "MAILGUN_API_URL"

# Seconds without a byte, when connecting and when waiting for the answer. Mailgun
# answers a send within a second or two; a user may be waiting for it.
API_TIMEOUT = 20

MIB = 1024 * 1024
MAX_MESSAGE_MB = 25  # "Maximum message size is 25MB", send-http manual

# --- Inbound -------------------------------------------------------------------------

# Mailgun sends the mail as it is to URLs that end in "mime", and takes it apart for
# others; both are understood at both.
RAW_INBOUND_PATH = "/mailgun/inbound/mime"
INBOUND_PATHS = ("/mailgun/inbound", RAW_INBOUND_PATH)

EVENTS_PATH = "/mailgun/events"
# What a webhook of ours is told of (user manual, "Webhooks"); "stored" and "rejected"
# exist in the Events API only.
WEBHOOK_TYPES = (
    "accepted",
    "clicked",
    "complained",
    "delivered",
    "opened",
    "permanent_fail",
    "temporary_fail",
    "unsubscribed",
)

EVENT_RETENTION_DAYS = 90

# Mailgun repeats a refused post with the same signature for 8 hours, and an operator
# needs time to repair a key: refuse only what is older than a day.
SIGNATURE_MAX_AGE = 24 * 3600
SIGNATURE_MAX_AHEAD = 5 * 60

DEFAULT_MAX_MESSAGE_MIB = 64
# A form may percent-encode every byte of 8-bit mail (3 for 1), plus the other fields.
FORM_OVERHEAD_FACTOR = 3
FORM_OVERHEAD_BYTES = MIB

# Seconds to wait before attempt 2, 3, ... of routing a mail; after the last it failed.
ROUTING_BACKOFF = (60, 300, 900, 3600, 2 * 3600, 4 * 3600)
# Within one attempt, when another transaction was first.
RACES_PER_ATTEMPT = 4
# How many HTTP workers may route mail at the same time, and each for how many seconds.
DEFAULT_ROUTING_SLOTS = 2
ROUTING_TIME_BUDGET = 10

INBOUND_STATES = [
    ("pending", "Waiting"),
    ("done", "Delivered"),
    ("ignored", "Ignored"),
    ("unrouted", "No such address"),
    ("held", "Held back"),
    ("failed", "Failed"),
]

# What a domain does with mail that something speaks against.
INBOUND_POLICIES = [
    ("take", "Take it"),
    ("mark", "Take it with a warning"),
    ("hold", "Hold it back"),
]
