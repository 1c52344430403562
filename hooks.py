"""What Odoo's registry does not do by itself when the module goes."""


def uninstall_hook(env):
    """Archive our mail servers, and stop mail that others would send a second time.

    The servers would turn into SMTP and IMAP servers with no host, since that is the
    default type (``ondelete`` of the selection), and the next mail, or the next poll,
    would try to use them. Who has got a mail already is known to the ledger only, which
    goes with the module.
    """
    for mail in env["mailgun.domain"].search([])._partly_sent_mail():
        if mail.state == "outgoing":
            mail._mailgun_stop_partly_sent()
    env.flush_all()
    # Not through write(): core refuses to archive a server that a template names, and
    # there is nobody to answer that here.
    env.cr.execute(
        "UPDATE ir_mail_server SET active = false WHERE smtp_authentication = 'mailgun'"
    )
    env.cr.execute(
        "UPDATE fetchmail_server SET active = false WHERE server_type = 'mailgun'"
    )
    env.invalidate_all()
