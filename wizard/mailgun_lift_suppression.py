from datetime import datetime, timezone

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from ..models.domain import keys as secret_keys
from ..models.domain.notification import CLOSE, notification
from ..models.transactions.words import in_words
from ..tools.api.suppressions import (
    BOUNCES,
    COMPLAINTS,
    LISTS,
    UNSUBSCRIBES,
    SuppressionLists,
)
from ..tools.errors import ApiError


class MailgunLiftSuppression(models.TransientModel):
    """Takes one address off Mailgun's lists, after saying what follows from it.

    Mailgun is asked when the wizard opens; what it says is shown, list by list. Only
    here does Odoo take anybody off a list who has not been put there by Odoo.
    """

    _name = "mailgun.lift.suppression"
    _description = "Lift a Suppression at Mailgun"

    domain_id = fields.Many2one(
        "mailgun.domain", required=True, readonly=True, ondelete="cascade"
    )
    address = fields.Char(required=True, readonly=True)
    # What Mailgun says of each list that has the address.
    bounces_info = fields.Char(readonly=True)
    complaints_info = fields.Char(readonly=True)
    unsubscribes_info = fields.Char(readonly=True)
    is_suppressed = fields.Boolean(compute="_compute_is_suppressed")
    lift_bounces = fields.Boolean("Lift the Bounce", default=True)
    lift_complaints = fields.Boolean("Lift the Complaint", default=True)
    lift_unsubscribes = fields.Boolean("Lift the Unsubscribe", default=True)

    @api.depends(*(f"{name}_info" for name in LISTS))
    def _compute_is_suppressed(self):
        for wizard in self:
            wizard.is_suppressed = any(wizard[f"{name}_info"] for name in LISTS)

    # === ASKING === #

    @api.model
    def _open_for(self, domain, address):
        """Ask Mailgun about an address and show what it says.

        :param domain: the ``mailgun.domain``
        :param str address: normalized
        :return: an action that opens the wizard
        :raise UserError: Mailgun cannot be asked, and why
        """
        self.check_access("create")
        with secret_keys.as_user_error(self.env), domain._open_reader() as client:
            lists = SuppressionLists(client, domain.name)
            found = {name: lists.find(name, address) for name in LISTS}
        gone = [name for name in LISTS if not found[name]]
        self.env["mailgun.suppression"].sudo()._forget(domain, address, gone)
        wizard = self.create(
            {
                "domain_id": domain.id,
                "address": address,
                **{
                    f"{name}_info": self._describe(entry)
                    for name, entry in found.items()
                    if entry
                },
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Lift Suppression"),
            "res_model": self._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def _describe(self, entry):
        since = datetime.fromtimestamp(entry.created_at, timezone.utc).date()
        date = format_date(self.env, since) if entry.created_at else "?"
        details = entry.reason or ("" if entry.is_total else ", ".join(entry.tags))
        if details:
            return self.env._("Since %(date)s: %(details)s", date=date, details=details)
        return self.env._("Since %s", date)

    # === LIFTING === #

    def action_lift(self):
        """Take the address off the chosen lists, and note who did it.

        :return: a notification that says what was done and what to do next
        :raise UserError: nothing was chosen, or nothing could be done
        """
        self.ensure_one()
        chosen = [
            name for name in LISTS if self[f"{name}_info"] and self[f"lift_{name}"]
        ]
        if not chosen:
            raise UserError(self.env._("Choose at least one list."))
        with (
            secret_keys.as_user_error(self.env),
            self.domain_id._open_reader() as client,
        ):
            done, trouble = self._lift(
                SuppressionLists(client, self.domain_id.name), chosen
            )
        if done:
            self._note(done)
        if not done:
            raise UserError(trouble)
        return self._tell(trouble)

    def _lift(self, lists, chosen):
        """Return the lists that the address was taken off, and what stood in the way.

        What is done at Mailgun cannot be undone, so it is noted whatever comes after.
        """
        done = []
        for name in chosen:
            try:
                lists.remove(name, self.address)
            except ApiError as error:
                return done, in_words(self.env, error)
            done.append(name)
        return done, ""

    def _note(self, done):
        suppressions = self.env["mailgun.suppression"].sudo()
        suppressions._forget(self.domain_id, self.address, done)
        words = {
            BOUNCES: self.env._("bounces"),
            COMPLAINTS: self.env._("complaints"),
            UNSUBSCRIBES: self.env._("unsubscribes"),
        }
        self.domain_id._message_log(
            body=self.env._(
                "Mailgun delivers to %(address)s again: taken off its lists of "
                "%(lists)s.",
                address=Markup("<strong>%s</strong>") % self.address,
                lists=", ".join(words[name] for name in done),
            )
        )

    def _tell(self, trouble):
        message = self.env._(
            "Mailgun delivers to %s again. What it has dropped meanwhile is lost: "
            "press Retry on the mail to send it now.",
            self.address,
        )
        rest = self.env._("Only a part was done: %s", trouble) if trouble else ""
        kind = "warning" if trouble else "success"
        return notification(kind, f"{message} {rest}".strip(), CLOSE, sticky=True)
