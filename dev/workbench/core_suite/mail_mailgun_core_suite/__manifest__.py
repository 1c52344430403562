{
    "name": "Odoo's Mail Tests with Mailgun",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "summary": "For developers: Odoo's own tests of mail, also through the journal",
    "author": "mail_mailgun maintainers",
    "license": "LGPL-3",
    "depends": ["mail_mailgun", "test_mass_mailing"],
}
