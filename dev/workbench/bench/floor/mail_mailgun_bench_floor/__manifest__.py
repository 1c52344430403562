{
    "name": "A Route That Does Nothing",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "summary": "For developers: what an answer of Odoo costs at least",
    "author": "mail_mailgun maintainers",
    "license": "LGPL-3",
    "depends": ["base"],
}
