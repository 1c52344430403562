"""Mail that comes in: routes to the catcher, and one mail for each question."""

from dataclasses import dataclass

from ..servers.sentences import NotChecked
from . import mails, probes, routes
from .catches import Catch
from .lab import Lab

# By label of route: how the catcher answers, and how the URL ends.
_ROUTES = {
    "raw": ("200", "raw/mime"),
    "parsed": ("200", "parsed"),
    "again": ("500-200", "again/mime"),
    "refused": ("406", "refused/mime"),
    "unauthorized": ("401-200", "unauthorized/mime"),
}


@dataclass
class Arrivals:
    """What came in.

    :param began: seconds since 1970
    """

    lab: Lab
    began: float

    def caught(self, route: str, mail: str = "") -> list[Catch]:
        """Return the posts of a route, or those of one mail, that are there now."""
        return [
            one
            for one in self.lab.catches.read()
            if one.label == _ROUTES[route][1]
            and mail in ("", _label(self.lab, one.message_id))
        ]

    def posts(self, route: str, mail: str, count: int = 1) -> list[Catch]:
        """Wait for so many posts of a mail."""
        return self.lab.wait(
            f"mail to come in ({route})",
            lambda: self.caught(route, mail),
            lambda found: len(found) >= count,
        )

    def first(self, route: str, mail: str) -> Catch:
        """Return the post of a mail.

        :raise NotChecked: when there is none
        """
        posts = self.posts(route, mail)
        if not posts:
            raise NotChecked(f"the mail did not arrive ({route})")
        return posts[0]


def stage(lab: Lab) -> Arrivals:
    """Make the routes and send all mails.

    :raise NotChecked: when mail of the domain does not come in at Mailgun
    """
    began = lab.once(probes.sent).began
    lab.catches.read()
    _require_mx(lab)
    for label in _ROUTES:
        _make_route(lab, label)
    _send_all(lab)
    arrived = Arrivals(lab, began)
    arrived.first("raw", "plain")
    return arrived


def _require_mx(lab: Lab) -> None:
    records = lab.once(probes.domain)["receiving_dns_records"]
    if not records or any(one["valid"] != "valid" for one in records):
        raise NotChecked("the domain's MX records are not Mailgun's")


def _make_route(lab: Lab, label: str) -> None:
    answers, end = _ROUTES[label]
    actions = [f'forward("{lab.catch_url(end, answers)}")', "stop()"]
    form = routes.make_form(lab, label, actions)
    made = lab.api.json("POST", "/v3/routes", files=form)["route"]["id"]
    address = lab.address(f"{label}-1")
    first = lab.wait("the new route", lambda: routes.matching(lab, address))
    if first != made:
        raise NotChecked("another route takes every address of the domain first")


def _send_all(lab: Lab) -> None:
    # Mail that nobody took in the end would leave a bounce.
    labels = ("raw-1", "raw-2", "parsed-1", "again-1", "refused-1", "unauthorized-1")
    lab.suppressed += [("bounces", lab.address(label)) for label in labels]
    one, two = lab.address("raw-1"), lab.address("raw-2")
    parsed, hidden = lab.address("parsed-1"), lab.address("raw-3")
    sender = lab.address("sender")
    lab.post("test", [one], lab.letter("test", [one]), o_testmode="yes")
    lab.post("plain", [one, two], lab.letter("plain", [one], Cc=two, Bcc=hidden))
    lab.post("text", [parsed], lab.letter("text", [parsed]))
    both = [one, parsed]
    lab.post("file", both, mails.with_file(lab.message_id("file"), sender, both))
    lab.post(
        "odd", [parsed], mails.with_odd_files(lab.message_id("odd"), sender, parsed)
    )
    for label in ("again", "refused", "unauthorized"):
        to = [lab.address(f"{label}-1")]
        lab.post(label, to, lab.letter(label, to))


def _label(lab: Lab, message_id: str) -> str:
    """Return the label in a Message-Id of this run."""
    return message_id.strip("<>").partition("@")[0].removeprefix(f"{lab.run}.")
