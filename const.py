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

# Header of every answer of ours: what lacks it was answered by somebody on the way.
ENDPOINT_HEADER = "X-Mailgun-Endpoint"
# The only field of a post with which we ask ourselves who answers.
PROBE_FIELD = "probe"

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
# What an applied event said word for word; an administrator may want to read it.
PAYLOAD_RETENTION_DAYS = 5
# At most so often does a process wake the scheduled action that applies events.
EVENT_WAKE_SECONDS = 3

# Mailgun repeats a refused post with the same signature for 8 hours, and an operator
# needs time to repair a key: refuse only what is older than a day.
SIGNATURE_MAX_AGE = 24 * 3600
SIGNATURE_MAX_AHEAD = 5 * 60

DEFAULT_MAX_MESSAGE_MIB = 64
# A form may percent-encode every byte of 8-bit mail (3 for 1), plus the other fields.
FORM_OVERHEAD_FACTOR = 3
FORM_OVERHEAD_BYTES = MIB
# JSON is an event, and the largest names a thousand recipients.
MAX_JSON_BYTES = MIB

# Bytes of bodies that a process holds at a time, beside so many of each, and seconds
# that one waits for room.
MAX_BODIES_BYTES = 128 * MIB
FREE_BODY_BYTES = MIB
BODY_PATIENCE = 5
# Seconds after which somebody may come again who found no room; Mailgun has its own.
BODY_RETRY = 60

# Seconds to wait before attempt 2, 3, ... of routing a mail; after the last it failed.
ROUTING_BACKOFF = (60, 300, 900, 3600, 2 * 3600, 4 * 3600)
# Attempts that Odoo may not survive, the last after 21 minutes: a mail that ends its
# worker does so each time, and a deployment that goes wrong takes a while.
ROUTING_KILLS = 4
# Within one attempt, when another transaction was first.
RACES_PER_ATTEMPT = 4
# How many HTTP workers may route mail at the same time, and each for how many seconds.
DEFAULT_ROUTING_SLOTS = 2
ROUTING_TIME_BUDGET = 10

INBOUND_STATES = [
    ("pending", "Queued"),
    ("done", "Processed"),
    ("ignored", "Ignored"),
    ("unrouted", "No Alias"),
    ("held", "Held"),
    ("failed", "Failed"),
]

# What a domain does with mail that something speaks against.
INBOUND_POLICIES = [
    ("take", "Take it"),
    ("mark", "Take it with a warning"),
    ("hold", "Hold it back"),
]

# Context key: the notes on the mail that is being routed by us (``RoutingNotes``). Mail
# that is written meanwhile leaves after the commit.
NOTES = "mailgun_routing_notes"
# Context key: the bounce that is handled was counted by its event.
COUNTED = "mailgun_bounce_counted"

# --- Outbound ------------------------------------------------------------------------

MAX_RECIPIENTS = 1000  # "Batch sending", send-http manual
MAX_TAGS = 3
MAX_TAG_LENGTH = 128
# The field of a POST, and of the events about it, that carries our reference.
REFERENCE_VARIABLE = "odoo"

# What can become of one recipient's copy, in one total order: the state of a delivery
# is the highest that happened, so events may come in any order. A complaint outranks
# everything; being opened does not make up for a bounce that came later.
DELIVERY_STATES = [
    ("sending", "Sending"),
    ("accepted", "Accepted by Mailgun"),
    ("deferred", "Delayed"),
    ("delivered", "Delivered"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("unsubscribed", "Unsubscribed"),
    ("suppressed", "Suppressed at Mailgun"),
    ("failed", "Failed"),
    ("bounced", "Bounced"),
    ("complained", "Reported as spam"),
]
DELIVERY_RANK = {state: rank for rank, (state, _label) in enumerate(DELIVERY_STATES)}
# Mailgun has taken the copy and nothing says that it did not arrive.
TAKEN_STATES = (
    "accepted",
    "deferred",
    "delivered",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
)
# The recipient's mail server has taken the copy and has not sent it back.
ARRIVED_STATES = ("delivered", "opened", "clicked", "unsubscribed", "complained")
# Going out again may help once the address or a setting was repaired.
LOST_STATES = ("suppressed", "failed", "bounced")

DELIVERY_RETENTION_DAYS = 365
# Days until a mail that Mailgun has taken counts as delivered though no event says so.
PENDING_DAYS = 7

# Seconds until the next attempt at a mail that only has to wait.
SENDING_BACKOFF = (60, 120, 300, 600, 1200, 1800, 3600)
# Seconds after which it is given up, counted from the later of the first attempt and
# the date that Mailgun gave.
SENDING_GIVES_UP = 24 * 3600
# Seconds until mail is tried again whose setting has to be repaired first.
SETTING_PAUSE = 30 * 60
# A date further away than this is no waiting: it is a quota to be raised.
LONGEST_WAIT = 24 * 3600
# Failures of Mailgun in a row after which the rest of a batch is not tried any more.
FAILURES_PER_BATCH = 3
# Within one attempt, when another transaction was first.
RACES_PER_MAIL = 6

# How many mails of a lane share a transaction, and for how long it is open.
MAILS_PER_TRANSACTION = 10
TRANSACTION_SECONDS = 1.0
DEFAULT_LANES = 12
# How many of them compute at a time: one does while the database answers another.
LANES_COMPUTING = 2
# Bytes of files that are sent at a time; on their way they take seven times as much.
LANES_BYTES = 48 * MIB
# Seconds after which a lane does not wait for its turn any more.
TURN_PATIENCE = 1.0
# Fewer mails than this are sent one after the other.
LANES_FROM = 5
DEFAULT_SETTLING_MINUTES = 30
DEFAULT_STALE_HOURS = 12

MAIL_WAITS = [
    ("wait", "Waits for Mailgun"),
    ("setting", "Waits for a repair"),
    ("doubt", "Waits for confirmation"),
    ("stale", "Too old to go without asking"),
    ("uncertain", "Nobody knows whether it went out"),
]
# What goes on only when a person says so.
MAIL_ASKS = ("stale", "uncertain")

# --- Alarms --------------------------------------------------------------------------

# Minutes that a trouble lasts until people are told of it, by its kind. The system
# parameter mail_mailgun.alarm_<kind>_minutes says otherwise; -1 = nobody is told.
ALARM_MINUTES = {
    "sending": 5,  # Mailgun refuses the key, the domain or the plan
    "posts": 4,  # what Mailgun posts is refused, here or on the way
    "scheduled": 6,  # no server runs scheduled actions
    "connections": 3,  # a process has no database connection left
    "disk": 3,  # no room for files
    "settings": 0,  # DNS, route or webhooks, as Mailgun says when it is asked
    "rates": 0,  # bounces or complaints at Mailgun's limit, by the daily check
    "waiting_in": 15,  # the oldest mail that is not routed
    "waiting_out": 45,  # the oldest mail that does not leave
    "events": 15,  # the oldest event that is not applied
    "silence": 60,  # mail leaves, and no event tells of it
}
# What follows from a trouble is not told as well.
ALARM_COVERS = {
    "connections": frozenset(ALARM_MINUTES) - {"connections"},
    "disk": {"waiting_in", "waiting_out", "events", "silence", "posts"},
    "scheduled": {"waiting_in", "waiting_out", "events", "silence"},
    "sending": {"waiting_out", "silence"},
    "posts": {"silence"},
}
