"""What Odoo's registry does not do by itself when the module goes."""


def uninstall_hook(env):
    """Archive our mail servers, outgoing and incoming.

    Without this they would turn into SMTP and IMAP servers with no host, since that is
    the default type (``ondelete`` of the selection), and the next mail, or the next
    poll, would try to use them.
    """
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
