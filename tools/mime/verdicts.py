"""What Mailgun thinks of a mail that came in: is it spam, and who sent it.

A domain whose spam filter is set to "tag" gets the verdicts as headers in the mail
(https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/spam-filter).
Anybody can write such headers, so it matters where they stand. Assumed, since Mailgun
documents neither and only captures of 2017 and 2024 show it:

* Mailgun puts its own above the line ``Received`` that it adds itself, and a sender can
  write only below that line. So the ones above count, and when there are any, no other.
* It writes at least ``X-Mailgun-Sflag`` into every mail that it has looked at.

Captures of 2013 have the verdicts below all headers. There every occurrence counts, and
of contradictory ones the worse.

Mailgun gives one verdict on DKIM for all signatures of a mail, and does not say which
lines it takes for signatures. So a mail is read here as the most forgiving reader does,
and what only such a reader takes for a header counts against the mail.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .mail_head import one_line
from .split import MAX_HEAD

_PREFIX = "x-mailgun-"
_NAMES = ("sflag", "sscore", "spf", "dkim-check-result")

_SCORE = re.compile(r"[+-]?[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
# Until a line that is empty for every reader.
_HEAD_END = re.compile(rb"\n\r?\n")
_LINES = re.compile(r"[\r\n]+")
_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")
# "from <what the server calls itself> (<its name in DNS> [<its address>]) by ...": only
# the part in parentheses is what Mailgun has seen itself, and only the last such part,
# for a server may call itself anything. A name in DNS has an end, or this had none.
_RELAY = re.compile(r"\((?:\S{1,255} )?\[(?:IPv6:)?([0-9A-Fa-f.:]{2,45})\]\) by ")
_TAG = re.compile(r"\+.*@")
_MAX_VERDICT = 20


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on one mail, with what is needed to understand them.

    :param is_spam: None when Mailgun does not say
    :param score: about 5 and more is spam; None when Mailgun does not say
    :param spf: Pass, Neutral, SoftFail or Fail; "" when Mailgun does not say
    :param dkim: Pass or Fail; "" when Mailgun does not say
    :param signers: the domains that signed the mail, not all of them genuine; "" for
        one that cannot be told
    :param relay: IP address of the server that gave the mail to Mailgun, or ""
    """

    is_spam: bool | None = None
    score: float | None = None
    spf: str = ""
    dkim: str = ""
    signers: tuple[str, ...] = ()
    relay: str = ""

    def prove(self, author: str, sender: str) -> bool:
        """Tell whether the mail comes from where its author writes from.

        A spammer passes SPF and DKIM with a domain of his own: SPF speaks of the
        envelope sender, DKIM of whoever signed. So these must be the author's domain,
        or be below or above it (RFC 7489, 3.1). Mailgun does not say which signature
        has passed, so a foreign one spoils the others, and without any it may have been
        one that is hidden from us.

        :param author: the address in From
        :param sender: envelope sender
        """
        domain = domain_of(author)
        if _passes(self.spf) and _are_related(domain_of(sender), domain):
            return True
        related = [_are_related(signer, domain) for signer in self.signers]
        return _passes(self.dkim) and bool(related) and all(related)

    def came_through(self, forwarders: Iterable[str], sender: str) -> bool:
        """Tell whether one of these forwarders gave the mail to Mailgun.

        Anybody can write an envelope sender, so its name counts with SPF only. Google
        and Microsoft write ``mailbox+something@`` when they forward for ``mailbox@``.

        :param forwarders: addresses, domains and IP addresses in lower case
        :param sender: envelope sender
        """
        known, sender = set(forwarders), sender.lower()
        if self.relay in known:
            return True
        labels = domain_of(sender).split(".")
        names = {".".join(labels[start:]) for start in range(len(labels))}
        names |= {sender, _TAG.sub("@", sender)}
        return _passes(self.spf) and not known.isdisjoint(names)


def read_verdicts(raw: bytes) -> Verdicts:
    """Return what Mailgun says in the headers of a mail.

    Only for mail that came while the domain's filter tags: in other mail all that is
    found was written by the sender.
    """
    fields = _read_head(raw)
    headers = [(name, value) for name, value, _is_odd in fields]
    found = _own_verdicts(headers)
    flags = [value.lower() for value in found["sflag"]]
    scores = [float(value) for value in found["sscore"] if _SCORE.fullmatch(value)]
    return Verdicts(
        is_spam="yes" in flags if flags else None,
        score=max(scores, default=None),
        spf=_worse(found["spf"]),
        dkim=_worse(found["dkim-check-result"]),
        signers=tuple(
            "" if is_odd else _signer(value)
            for name, value, is_odd in fields
            if is_odd or name == "dkim-signature"
        ),
        relay=_relay(headers),
    )


def domain_of(address: str) -> str:
    """Return the domain of an address in lower case, or ""."""
    return address.rpartition("@")[2].strip().lower() if "@" in address else ""


def _read_head(raw: bytes) -> list[tuple[str, str, bool]]:
    """Return whatever a reader may take for a header, in order.

    :return: name in lower case, value on one line, and whether a strict reader would
        not take it for one
    """
    head = raw[:MAX_HEAD].lstrip(b"\r\n")
    end = _HEAD_END.search(head)
    if end:
        head = head[: end.start()]
    lines = []
    for line in _LINES.split(head.decode("ascii", "replace")):
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(line)
        elif line:
            lines.append([line])
    if not end and len(raw) > MAX_HEAD:
        lines.append([""])
    return [_field("".join(pieces)) for pieces in lines]


def _field(line: str) -> tuple[str, str, bool]:
    name, colon, value = line.partition(":")
    is_odd = not (colon and _NAME.fullmatch(name))
    return name.strip().lower(), one_line(value), is_odd


def _own_verdicts(headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    names = [name for name, _value in headers]
    top = names.index("received") if "received" in names else 0
    wanted = {_PREFIX + name for name in _NAMES}
    if not wanted.isdisjoint(names[:top]):
        headers = headers[:top]
    return {
        short: [value for name, value in headers if name == _PREFIX + short]
        for short in _NAMES
    }


def _worse(values: list[str]) -> str:
    bad = [value for value in values if not _passes(value)]
    return (bad or values or [""])[0][:_MAX_VERDICT]


def _passes(verdict: str) -> bool:
    return verdict.lower() == "pass"


def _are_related(one: str, other: str) -> bool:
    return bool(one and other) and (
        one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
    )


def _signer(signature: str) -> str:
    """Return the domain of a signature; "" when two readers may see two (tag "d=")."""
    tags = [tag.partition("=") for tag in signature.lower().split(";")]
    # White space may stand within it (RFC 6376, 3.2), and some readers drop it.
    found = {"".join(value.split()) for name, _is, value in tags if name.strip() == "d"}
    return found.pop() if len(found) == 1 else ""


def _relay(headers: list[tuple[str, str]]) -> str:
    received = next((value for name, value in headers if name == "received"), "")
    found = _RELAY.findall(received) if received.startswith("from ") else []
    return found[-1].lower() if found else ""
