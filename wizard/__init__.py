from . import mailgun_connect, mailgun_connect_choice, mailgun_round_trip
