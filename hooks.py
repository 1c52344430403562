"""What Odoo's registry does not do by itself when the module goes."""


def uninstall_hook(env):
    """Archive our mail servers.

    Without this they would turn into SMTP servers with no host (``ondelete`` of the
    selection sets the default type) and the next mail would try to use them.
    """
    servers = env["ir.mail_server"].search([("smtp_authentication", "=", "mailgun")])
    # Not through write(): core refuses to archive a server that a template names, and
    # there is nobody to answer that here.
    env.cr.execute(
        "UPDATE ir_mail_server SET active = false WHERE id = ANY(%s)", [servers.ids]
    )
    env.invalidate_all()
