from . import (
    ir_mail_server,
    mail_alias,
    mail_mail,
    mail_thread,
    mailgun_domain,
    mailgun_domain_notes,
    mailgun_domain_setup,
    mailgun_domain_signature,
    mailgun_event,
    mailgun_inbound_email,
    mailgun_inbound_routing,
)
