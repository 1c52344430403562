"""Who takes the mail, and gives trouble: the local Mailgun, and a mail server."""

from collections import Counter

from ..servers.sandbox_client import SandboxClient
from ..sinks.smtp import SmtpSink

# Of the posts, or of the recipients with SMTP.
_BUSY, _LOST, _LATE = 0.06, 0.04, 0.01
# Answers after which nobody can say from them alone whether it was taken: so many of
# each, and that early.
_UNCLEAR = {"probability": 0.05, "count": 3}
_LATE_SECONDS = 2.0
# Each of these ends the batch that is being sent.
_LIMITED = 6


class Mailgun:
    """The local Mailgun: slow, busy, and its answers get lost.

    Events are seen late, posted twice and in the wrong order.

    :param sandbox: where it is
    :param delay: of each request, in seconds
    :param seed: of all chances
    """

    name = "this module"

    def __init__(self, sandbox: SandboxClient, delay: float, seed: int):
        self._sandbox = sandbox
        self._sending = {"path": "messages", "method": "POST"}
        self._slow = {**self._sending, "delay": delay}
        self._seed = seed
        self._struck: Counter[str] = Counter()

    def misbehave(self) -> None:
        """Begin to give trouble."""
        faults = [
            {"delay": _LATE_SECONDS, "probability": _LATE},
            {"answer": 429, "probability": 0.02, "count": _LIMITED, "retry_after": 5},
            {"answer": 500, "probability": _BUSY - 0.02},
            {"answer": 502, "probability": 0.02},
            {"answer": "lost", "probability": _LOST},
            {"answer": "closed", **_UNCLEAR},
            {"answer": 201, **_UNCLEAR},
            {"answer": "no id", **_UNCLEAR},
        ]
        faults += [
            {"answer": status, "obeyed": obeyed, **_UNCLEAR}
            for status in (500, 502, 520, 524)
            for obeyed in (True, False)
            if obeyed or status >= 520
        ]
        requests = [
            {**self._sending, **one, "seed": self._seed + number}
            for number, one in enumerate(faults)
        ]
        requests.append({"path": "events", "answer": 500, "probability": 0.1})
        self._sandbox.fail(
            requests=[self._slow, *requests],
            event_lag=3.0,
            duplicate_events=True,
            reverse_events=0.5,
        )

    def behave(self) -> None:
        """End all trouble."""
        self._count()
        self._sandbox.fail(requests=[self._slow])

    def taken(self) -> list[str]:
        """Return the recipients of each message that was taken."""
        return [one for mail in self._sandbox.mails() for one in mail["recipients"]]

    def figures(self) -> dict[str, str]:
        """Return what it has seen and done, for people."""
        self._count()
        seen = self._struck.pop("requests")
        faults = ", ".join(f"{count} x {one}" for one, count in self._struck.items())
        return {"requests_seen": str(seen), "faults_struck": faults}

    def _count(self) -> None:
        for fault in self._sandbox.faults()["requests"]:
            kind = f"{fault['answer'] or 'late'}"
            if fault["obeyed"]:
                kind += " obeyed"
            if fault["path"] == "events":
                kind += " for events"
            elif fault["delay"] == self._slow["delay"]:
                kind = "requests"
            self._struck[kind] += fault["struck"]


class MailServer:
    """A mail server with the same troubles.

    :param sink: where the mail ends
    """

    name = "core's SMTP"

    def __init__(self, sink: SmtpSink):
        self._sink = sink

    def misbehave(self) -> None:
        """Begin to give trouble."""
        self._sink.misbehave(refusing=_BUSY, losing=_LOST)

    def behave(self) -> None:
        """End all trouble."""
        self._sink.misbehave(refusing=0, losing=0)

    def taken(self) -> list[str]:
        """Return the recipients of each message that was taken."""
        return [one for _id, recipients in self._sink.taken for one in recipients]

    def figures(self) -> dict[str, str]:
        """Return what it has seen and done, for people."""
        faults = f"{self._sink.refused} x 451, {self._sink.lost} x lost"
        return {"mails_taken": str(len(self._sink.taken)), "faults_struck": faults}
