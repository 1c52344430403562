"""Something that speaks against a mail."""

from dataclasses import dataclass

from odoo import api, fields, models
from odoo.tools import email_normalize, email_split, format_date

from ...const import ROUTING_KILLS
from ...tools.mime.mail_text import text_of
from ...tools.mime.mend_head import header_values
from ...tools.mime.verdicts import read_verdicts
from ..domain.notification import RELOAD, notification

# Google asks the owner of an address whether mail may be forwarded there.
GMAIL_FORWARDING = "forwarding-noreply@google.com"

UNFINISHED = ("held", "unrouted", "failed")

MAX_PREVIEW = 10_000


@dataclass(frozen=True)
class PolicyFinding:
    """One doubt about a mail, and what the domain does about it.

    :param policy: of ``INBOUND_POLICIES``
    :param text: for people: what was found
    """

    policy: str
    text: str


def authors_of(raw):
    """Return the normalized addresses in From, found the way core finds the author.

    :param bytes raw: the mail as it came
    :rtype: list[str]
    """
    found = email_split(",".join(header_values(raw, "from")))
    addresses = [email_normalize(address) for address in found]
    return [address for address in addresses if address]


class MailgunInboundEmail(models.Model):
    """What speaks against a mail, and what a person decides about it.

    The verdicts are noted when the mail arrives, while we know whether they are
    Mailgun's; the domain's policies are asked when it is routed.
    """

    _inherit = "mailgun.inbound.email"

    is_tagged = fields.Boolean(
        "Checked by Mailgun",
        readonly=True,
        help="The domain's spam filter was set to “tag” when the mail arrived, so the "
        "verdicts in it are Mailgun's.",
    )
    spam_verdict = fields.Selection(
        [("clean", "Not spam"), ("spam", "Spam")], "Spam Filter", readonly=True
    )
    spam_score = fields.Float(readonly=True, help="About 5 and more is spam.")
    spf = fields.Char("SPF", readonly=True)
    dkim = fields.Char("DKIM", readonly=True)
    is_doubtful = fields.Boolean(
        "Sender Not Proven",
        readonly=True,
        help="The mail says it comes from a colleague or from one of our own domains, "
        "and neither SPF nor DKIM agrees.",
    )
    released_by_id = fields.Many2one(
        "res.users",
        "Released by",
        readonly=True,
        help="Decided that the mail is routed, whatever speaks against it.",
    )
    preview = fields.Text("Text of the Mail", compute="_compute_preview")
    short_reason = fields.Char("In Short", compute="_compute_short_reason")

    @api.depends("state", "error", "spam_verdict", "is_doubtful", "is_looping")
    def _compute_short_reason(self):
        for row in self:
            row.short_reason = row._short_reason()

    def _short_reason(self):
        """Return in two words why a mail waits for a person; else its whole reason."""
        if self.state == "unrouted":
            return self.env._("No alias")
        if self.state != "held" or not self.error:
            return self.error
        reasons = []
        if self.spam_verdict == "spam":
            reasons.append(self.env._("Spam %s", f"{self.spam_score:g}"))
        if self.is_doubtful:
            reasons.append(self.env._("Unproven sender"))
        if self.is_looping:
            reasons.append(self.env._("Too many of one sender"))
        return ", ".join(reasons) or self.error

    @api.depends("state")
    def _compute_preview(self):
        for row in self:
            # What ended its workers would do so to whoever opens it here.
            is_safe = row.state in UNFINISHED and row.unended_count < ROUTING_KILLS
            raw = is_safe and row._raw_bytes()
            row.preview = text_of(raw or b"")[:MAX_PREVIEW]

    # === VERDICTS === #

    @api.model
    def _verdict_values(self, domain, raw):
        """Return the columns that hold Mailgun's verdicts.

        :param domain: the ``mailgun.domain`` that the mail came for
        :param bytes raw: the mail as it came
        :return: nothing while the domain does not tag, since all verdicts in the mail
            are the sender's then
        :rtype: dict
        """
        if domain.spam_action != "tag":
            return {}
        verdicts = read_verdicts(raw)
        spam = {True: "spam", False: "clean", None: None}[verdicts.is_spam]
        return {
            "is_tagged": True,
            "spam_verdict": spam,
            "spam_score": verdicts.score or 0.0,
            "spf": verdicts.spf or None,
            "dkim": verdicts.dkim or None,
        }

    def _find_doubts(self, raw):
        """Return what speaks against the mail; nothing once a person has released it.

        :param bytes raw: the mail as it came
        :rtype: list[PolicyFinding]
        """
        if not self.is_tagged or self.released_by_id:
            return []
        unproven = self._unproven_author(raw)
        self.is_doubtful = bool(unproven)
        findings = []
        if self.spam_verdict == "spam":
            text = self.env._(
                "Mailgun takes this mail for spam (score %s).", f"{self.spam_score:g}"
            )
            findings.append(PolicyFinding(self.domain_id.spam_policy, text))
        if unproven:
            text = self.env._(
                "The sender of this mail is not proven: it says %s, and neither SPF "
                "nor DKIM agrees. Somebody else may have written it.",
                unproven,
            )
            findings.append(PolicyFinding(self.domain_id.impersonation_policy, text))
        return findings

    def _unproven_author(self, raw):
        """Return the address of ours that the mail says it is from without proof."""
        # Without a From core's author is the envelope sender (``envelope``).
        authors = authors_of(raw) or [self.sender or ""]
        own = self.env["mailgun.domain"]._find_own_address(authors)
        if not own:
            return None
        verdicts, sender = read_verdicts(raw), self.sender or ""
        forwarders = self.domain_id._trusted_forwarders()
        if verdicts.prove(own, sender) or verdicts.came_through(forwarders, sender):
            return None
        return own

    # === POLICIES === #

    def _hold(self, findings):
        """Keep the mail back when a policy says so.

        :param list findings: from ``_find_doubts``
        :return: whether it is held
        """
        reasons = [found.text for found in findings if found.policy == "hold"]
        if not reasons:
            return False
        remedy = self.env._(
            "It is kept back by the policy of the Mailgun domain. Press Release if the "
            "mail is welcome, or Discard."
        )
        self.write({"state": "held", "error": " ".join(reasons), "remedy": remedy})
        return True

    def _mark(self, findings, known):
        """Tell the readers of the records what speaks against the mail.

        A log note: it is seen on the record and mails nobody.

        :param list findings: from ``_find_doubts``
        :param known: the ``mail.message`` that the mail had become before, if any
        """
        text = " ".join(found.text for found in findings if found.policy == "mark")
        if not text:
            return
        odoobot = self.env.ref("base.partner_root")
        messages = self.env["mail.message"].search(
            [
                ("message_id", "=", self.message_id),
                ("id", ">", known.id or 0),
                ("res_id", "!=", False),
            ]
        )
        for message in messages:
            record = self.env[message.model].browse(message.res_id)
            record._message_log(body=text, author_id=odoobot.id)

    def _is_forwarding_request(self):
        """Tell whether this is Google asking if it may forward mail to us."""
        return GMAIL_FORWARDING in (self.author, self.sender)

    def _forwarding_request_values(self):
        return {
            "error": self.env._(
                "Gmail asks whether mail may be forwarded to %s.", self.recipient
            ),
            "remedy": self.env._(
                "To allow it, open the link in the text of the mail, or enter the code "
                "in Gmail's settings; then press Discard."
            ),
        }

    # === ACTIONS === #

    def action_release(self):
        """Route held mail, whatever held it."""
        rows = self.filtered(lambda row: row.state == "held")
        told = self._told(rows, self.env._("%s released", len(rows)))
        rows.released_by_id = self.env.user
        rows._route_anew()
        return told

    def action_discard(self):
        """Close mail that shall not be routed; its bytes can still be downloaded."""
        rows = self.filtered(lambda row: row.state in UNFINISHED)
        told = self._told(rows, self.env._("%s discarded", len(rows)))
        today = format_date(self.env, fields.Date.context_today(self))
        for reason, alike in rows.grouped("error").items():
            text = self.env._(
                "Discarded by %(user)s on %(date)s. Reason: %(reason)s",
                user=self.env.user.name,
                date=today,
                reason=reason or "",
            )
            alike.write({"state": "ignored", "error": text, "remedy": False})
        rows._close_activity()
        return told

    def _told(self, rows, what):
        """Return a notification that tells what is done with which of these.

        :param rows: those with which it is done
        :param str what: completes the sentence, with their number
        """
        why = {
            "done": self.env._("already delivered"),
            "ignored": self.env._("already closed"),
            "pending": self.env._("on its way"),
            "held": self.env._("held"),
            "unrouted": self.env._("no alias"),
            "failed": self.env._("failed"),
        }
        parts = [what] if rows else []
        for state, skipped in sorted((self - rows).grouped("state").items()):
            parts.append(
                self.env._(
                    "%(count)s skipped (%(why)s)", count=len(skipped), why=why[state]
                )
            )
        kind = "success" if rows else "warning"
        return notification(kind, f"{', '.join(parts)}.", RELOAD)
