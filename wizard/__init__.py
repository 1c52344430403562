from . import (
    mailgun_connect,
    mailgun_lift_suppression,
    mailgun_round_trip,
)
