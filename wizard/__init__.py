from . import (
    mailgun_connect,
    mailgun_connect_choice,
    mailgun_lift_suppression,
    mailgun_round_trip,
)
