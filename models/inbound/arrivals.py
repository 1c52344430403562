"""How mail came: posted by the route, or fetched because no post was taken.

Fetching keeps mail from being lost, and proves nothing about the way that mail should
take: who asks whether that works is told of posts only.
"""

from datetime import datetime, timedelta, timezone

from odoo import fields, models
from odoo.fields import Domain

from ...tools.sentence import Sentence as _lt
from ..domain.alarms import Trouble
from ..domain.health import HealthLine
from ..transactions.words import in_words

#: How the tokens of mail begin that Mailgun was asked for.
RECOVERED = "event/"

FETCHED = Domain("token", "=like", f"{RECOVERED}%")

_RECENTLY = timedelta(days=1)

_NOT_FOUND = _lt(
    "If Mailgun gets 404 there, the host name leads to another program or to no "
    "database of this Odoo: check the proxy, and with several databases the database "
    "filter (dbfilter), which has to choose one by the host name."
)
_TOO_LARGE = _lt(
    "If Mailgun gets 413, a proxy in front of Odoo limits the size of requests: with "
    "nginx set client_max_body_size to 200m."
)
_REMEDIES = {404: (_NOT_FOUND,), 413: (_TOO_LARGE,)}


def refusal_remedy(env, why, status):
    """Say what to do about posts that do not arrive.

    :param str why: the reason, "" when nobody tells one; Odoo's own say what to do
    :param int status: of HTTP that Mailgun got from somebody else, or 0
    :rtype: str
    """
    sentences = _REMEDIES.get(status, ()) if why else (_NOT_FOUND, _TOO_LARGE)
    return " ".join(in_words(env, one) for one in sentences)


class MailgunInboundEmail(models.Model):
    """Which mail was posted, and which had to be fetched."""

    _inherit = "mailgun.inbound.email"

    _fetched = models.Index(f"(domain_id, create_date) WHERE token LIKE '{RECOVERED}%'")

    def _note_posted(self, token):
        """Note that mail which was fetched has been posted after all.

        :param str token: with which it came now
        """
        if not self or token.startswith(RECOVERED):
            return
        # Whoever routes it at this moment is not waited for.
        self.env.cr.execute(
            """UPDATE mailgun_inbound_email SET token = %s
                WHERE id IN (SELECT id FROM mailgun_inbound_email
                              WHERE id = ANY(%s) AND token LIKE %s
                                FOR NO KEY UPDATE SKIP LOCKED)""",
            [token, self.ids, f"{RECOVERED}%"],
            log_exceptions=False,
        )
        self.invalidate_recordset(["token"])


class MailgunDomain(models.Model):
    """Whether posts arrive."""

    _inherit = "mailgun.domain"

    def _note_refused_post(self, post):
        """Note that Mailgun tells of a post which was not taken.

        :param RefusedPost post: what it tells
        """
        moment = datetime.fromtimestamp(post.at, timezone.utc)
        moment = moment.replace(tzinfo=None, microsecond=0)
        if self.refusal_at and self.refusal_at >= moment:
            return
        self._note(
            "refused post",
            refusal=in_words(self.env, post),
            refusal_status=post.status,
            refusal_at=moment,
        )
        self.invalidate_recordset(["refusal", "refusal_status", "refusal_at"])

    # === ALARM === #

    def _troubles(self):
        return [*super()._troubles(), *self._trouble_of_posts()]

    def _trouble_of_posts(self):
        """Tell of posts that are refused, as long as none is taken."""
        journal, taken = self.env["mailgun.inbound.email"], self._last_taken_at()
        fetched = FETCHED & Domain("domain_id", "=", self.id)
        last = journal.search(fetched, order="create_date desc", limit=1).create_date
        refused = [one for one in (last, self.refusal_at) if one]
        if not refused or (taken and taken > max(refused)):
            return []
        line = next(iter(self._health_of_fetched()), None)
        if self.refusal_at == max(refused) or not line:
            line = self._health_of_receiving()
        return [Trouble("posts", line.text, line.remedy, seen=max(refused))]

    def _last_taken_at(self):
        """Return when Mailgun has last posted something that was taken."""
        return self._last_posted_at()

    # === HEALTH === #

    def _health_of_traffic(self):
        return [
            *super()._health_of_traffic(),
            self._health_of_receiving(),
            *self._health_of_fetched(),
        ]

    def _last_received_at(self):
        return self._last_posted_at()

    def _health_of_receiving(self):
        title, last = self.env._("Receiving"), self._last_posted_at()
        key = self._key("webhook_signing_key")
        if not key.secret:
            none = self.env._("There is no webhook signing key, so no mail is taken.")
            return self._health_of_no_key(title, key, none)
        if self.refusal and not (last and last > self.refusal_at):
            text = self.env._(
                "A post was refused (%(when)s): %(why)s",
                when=self._when(self.refusal_at),
                why=self.refusal,
            )
            repeated = self.env._(
                "Mailgun repeats it for eight hours; nothing is lost until then."
            )
            remedy = refusal_remedy(self.env, self.refusal, self.refusal_status)
            return HealthLine("error", title, text, f"{remedy} {repeated}".strip())
        if not last:
            return HealthLine(
                "info", title, self.env._("None yet."), self.env._("Try a round trip.")
            )
        return HealthLine("ok", title, self._when(last))

    def _health_of_fetched(self):
        """Tell of mail that nobody would have without fetching; green means posted."""
        journal, now = self.env["mailgun.inbound.email"], fields.Datetime.now()
        recent = Domain("create_date", ">=", now - _RECENTLY)
        fetched = FETCHED & recent & Domain("domain_id", "=", self.id)
        count = journal.search_count(fetched)
        if not count:
            return []
        last = journal.search(fetched, order="create_date desc", limit=1).create_date
        posted = self._last_posted_at()
        is_known = self.refusal_at and self.refusal_at >= last - _RECENTLY
        why = self.refusal if is_known else ""
        text = self.env._(
            "%(count)s mails had to be fetched in the last 24 h, the last was refused "
            "with: %(why)s",
            count=count,
            why=why or self.env._("nobody tells."),
        )
        remedy = self.env._(
            "Posts have to arrive at %(url)s: what is fetched comes late. %(remedy)s "
            "Then try a round trip.",
            url=self.inbound_url,
            remedy=refusal_remedy(self.env, why, self.refusal_status),
        )
        level = "warning" if posted and posted >= last else "error"
        return [HealthLine(level, self.env._("Fetched emails"), text, remedy)]

    def _last_posted_at(self):
        """Return when mail has last come by itself."""
        posted = ~FETCHED & Domain("domain_id", "=", self.id)
        journal = self.env["mailgun.inbound.email"]
        return journal.search(posted, order="id desc", limit=1).create_date
