"""A report of a run that one can send back: what was found, and the texts it met.

Nothing of the account can be told from it: keys, names, addresses and whatever looks
like a token are replaced.
"""

import re
from collections.abc import Iterable
from pathlib import Path

_EMAIL = re.compile(r"[^\s\"'<>,;:()]+@[a-z0-9.-]+\.[a-z]{2,}", re.I)
_IP = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}\b", re.I
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_HOST = re.compile(r"https?://[^/\s\"']+")
_MAILGUN = re.compile(r"https://[a-z0-9.-]*mailgun\.(net|org|com)$")
# What a token may look like and is none: words with dashes, our own names.
_WORDS = re.compile(r"[a-z]+([-_][a-z]+)*|conformance-.*", re.I)


class Redacted:
    """Takes out of a text what is nobody's business.

    :param secrets: texts and what stands for them, the longest first
    """

    def __init__(self, secrets: dict[str, str]):
        self._secrets = sorted(secrets.items(), key=lambda pair: -len(pair[0]))

    def text(self, text: str) -> str:
        """Return the text as it may be seen by anybody."""
        for secret, shown in self._secrets:
            if secret:
                text = text.replace(secret, shown)
        text = _HOST.sub(self._host, text)
        text = _EMAIL.sub(self._address, text)
        text = _IP.sub("192.0.2.1", text)
        return _TOKEN.sub(
            lambda found: found[0] if _WORDS.fullmatch(found[0]) else "…", text
        )

    @staticmethod
    def _host(found: re.Match) -> str:
        return found[0] if _MAILGUN.fullmatch(found[0]) else "https://host.example"

    @staticmethod
    def _address(found: re.Match) -> str:
        is_ours = found[0].startswith("conformance-") or found[0].endswith(
            ".example.com"
        )
        return found[0] if is_ours else "somebody@example.org"


def write(
    file: Path, redacted: Redacted, findings: Iterable[str], met: Iterable[str]
) -> None:
    """Write the report.

    :param findings: a line for each sentence
    :param met: each answer of the API, the first of its kind
    """
    lines = ["What dev/live found", "", *findings, "", "Answers that it met", "", *met]
    file.write_text("\n".join(map(redacted.text, lines)) + "\n", "utf-8")
