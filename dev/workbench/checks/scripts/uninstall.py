"""For ``odoo shell``: use the module a little, then uninstall it."""

domain = env["mailgun.domain"].create(
    {
        "name": "mail.example.com",
        "api_key": "key-lifecycle",
        "webhook_signing_key": "signing-lifecycle",
    }
)
domain.action_confirm()
domain.action_setup_mail()
env.cr.commit()

env["ir.module.module"].search(
    [("name", "=", "mail_mailgun")]
).button_immediate_uninstall()
env.cr.commit()
