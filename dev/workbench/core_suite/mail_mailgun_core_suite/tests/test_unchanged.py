"""Core's own tests of mail, with nothing changed but that the module is there."""

from .copies import copies, publish

FILES = (
    "base/test_ir_mail_server",
    "base/test_ir_mail_server_smtpd",
    "mail/test_fetchmail",
    "mail/test_ir_mail_server",
    "mail/test_mail_composer",
    "mail/test_mail_mail",
    "mail/test_mail_message",
    "mail/test_mail_template",
    "mail/test_mail_tools",
    "mass_mailing/test_mailing_ab_testing",
    "mass_mailing/test_mailing_internals",
    "mass_mailing/test_mailing_mailing_schedule_date",
    "mass_mailing/test_mailing_retry",
    "test_mail/test_ir_actions",
    "test_mail/test_mail_alias",
    "test_mail/test_mail_composer",
    "test_mail/test_mail_composer_mixin",
    "test_mail/test_mail_flow",
    "test_mail/test_mail_followers",
    "test_mail/test_mail_gateway",
    "test_mail/test_mail_mail",
    "test_mail/test_mail_management",
    "test_mail/test_mail_message",
    "test_mail/test_mail_multicompany",
    "test_mail/test_mail_scheduled_message",
    "test_mail/test_mail_template",
    "test_mail/test_mail_thread_internals",
    "test_mail/test_mail_thread_mixins",
    "test_mail/test_message_post",
    "test_mail/test_performance",
    "test_mass_mailing/test_blacklist",
    "test_mass_mailing/test_blacklist_behavior",
    "test_mass_mailing/test_blacklist_mixin",
    "test_mass_mailing/test_link_tracker",
    "test_mass_mailing/test_mail_composer",
    "test_mass_mailing/test_mailing",
    "test_mass_mailing/test_mailing_server",
    "test_mass_mailing/test_mailing_statistics",
    "test_mass_mailing/test_mailing_test",
    "test_mass_mailing/test_performance",
)

# They lead a browser through editors that the module does not touch.
TOURS = ("mail_TestMailComposerUI", "mail_TestMailTemplateUI")

for path in FILES:
    classes = copies(path, path.split("/")[0])
    publish(globals(), (one for one in classes if one.__name__ not in TOURS))
