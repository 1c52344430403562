"""What Mailgun has taken and this database does not know, since it was restored."""

from odoo import api, models
from odoo.tools import email_normalize

from ...tools.errors import ApiError
from ...tools.event_post import origin_of, reference_of
from ..domain import keys as secret_keys
from .recovery import EventRecovery, _moment


class MailgunEvent(models.Model):
    """Writes deliveries down that Mailgun's record alone has.

    A mail that waits here and was sent after the dump is not sent again then: its
    delivery is where the ledger looks for one.
    """

    _inherit = "mailgun.event"

    @api.model
    def _write_missed(self, domain, read, missed):
        """Write down what was sent by us and has no delivery.

        One whose Message-Id is known was given back and sent again.

        :param domain: the ``mailgun.domain`` whose record it is
        :param list read: items of the record and what they say
        :param set missed: references that were found so far; new ones are added
        :return: how many copies were written down
        """
        own = self.env["mailgun.domain"]._identities()
        ours = [
            (reference, post)
            for item, post in read
            if origin_of(reference := reference_of(item)) in own
            and post.recipient
            and post.message_id
        ]
        references = self._known("reference", [one for one, _post in ours]) - missed
        ids = self._known("message_id", [post.message_id for _one, post in ours])
        new = {}
        for reference, post in ours:
            is_new = reference not in references and post.message_id not in ids
            if is_new or reference in missed:
                new.setdefault((reference, post.recipient), post)
        missed.update(reference for reference, _recipient in new)
        return self._write_deliveries(domain, new)

    def _write_deliveries(self, domain, new):
        message_ids = [post.message_id for post in new.values()]
        mails = self.env["mail.mail"].sudo().search([("message_id", "in", message_ids)])
        by_id = mails.grouped("message_id")
        count = 0
        for (reference, recipient), post in new.items():
            mail = by_id.get(post.message_id, mails.browse())[:1]
            partner = mail.recipient_ids.filtered(
                lambda one, recipient=recipient: email_normalize(one.email) == recipient
            )[:1]
            moment = _moment(post.occurred_at)
            self.env.cr.execute(
                """INSERT INTO mailgun_delivery
                          (domain_id, message_id, message_ref, mail_id, partner_ref,
                           recipient, recipient_domain, attempt, reference, state,
                           sending_at, accepted_at)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'accepted', %s, %s)
                       ON CONFLICT DO NOTHING""",
                [
                    domain.id,
                    post.message_id,
                    mail.mail_message_id.id or None,
                    mail.id or 0,
                    partner.id or 0,
                    recipient,
                    recipient.rpartition("@")[2],
                    mail.mailgun_attempt or 1,
                    reference,
                    moment,
                    moment,
                ],
            )
            count += self.env.cr.rowcount
        return count


class MailgunDomain(models.Model):
    """Asks Mailgun first, where it may be asked."""

    _inherit = "mailgun.domain"

    def _note_unknown(self, count):
        """Note that copies of mail were found which nobody had written down.

        :param int count: how many
        """
        before = self._read_alone("unknown_sent_count") or 0
        self._write_alone(unknown_sent_count=before + count)

    def action_go_on(self):
        """Read the record to its end, then send from here.

        :raise UserError: Mailgun cannot be asked now; a sending key never may
        """
        if self.key_kind == "api":
            with secret_keys.as_user_error(self.env):
                is_complete = EventRecovery(self).run(self._poll_pace()).is_complete
                if not is_complete:
                    raise ApiError(
                        self.env._(
                            "Mailgun's record is not read to its end yet: press Go On "
                            "once more."
                        )
                    )
        return super().action_go_on()
