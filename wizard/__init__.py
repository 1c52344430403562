from . import mailgun_connect, mailgun_connect_choice
