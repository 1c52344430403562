"""Assumptions about routes."""

import contextlib
from collections.abc import Iterator

from ..servers.sentences import NotChecked, Subject, true
from .lab import Lab

SUBJECT = Subject("routes")

_ROUTES = "/v3/routes"
_ACTIONS = ["store()", "stop()"]


@contextlib.contextmanager
def _route(lab: Lab) -> Iterator[dict]:
    """Make a route that no mail meets, and remove it again; give Mailgun's answer."""
    form = make_form(lab, "route", _ACTIONS)
    answer = lab.api.json("POST", _ROUTES, files=form)
    path = lab.path("v3", "routes", answer["route"]["id"])
    try:
        yield answer
    finally:
        lab.api.call("DELETE", path)


def make_form(lab: Lab, label: str, actions: list[str]) -> list[tuple]:
    """Return the form of a route for the addresses of a label.

    It comes before routes of others, as nobody else uses these addresses.
    """
    fields = [
        ("priority", "0"),
        ("description", f"{lab.run}: a check, may be deleted"),
        ("expression", f'match_recipient("{lab.run}-{label}.*@{lab.domain}")'),
        *(("action", action) for action in actions),
    ]
    return [(name, (None, value)) for name, value in fields]


def matching(lab: Lab, address: str) -> str | None:
    """Return the id of the first route that an address meets."""
    response = lab.api.call("GET", f"{_ROUTES}/match", params={"address": address})
    if response.status_code == 404:
        return None
    true(response.status_code, response.status_code == 200)
    return response.json()["route"]["id"]


@SUBJECT.says
def a_new_route_is_returned(lab: Lab) -> None:
    """A new route is returned with its id and its actions in their order."""
    with _route(lab) as answer:
        route = answer["route"]
        true(route["id"], isinstance(route["id"], str) and route["id"])
        true(route["actions"], route["actions"] == _ACTIONS)
        true(route["priority"], route["priority"] == 0)
        true(route["expression"], lab.run in route["expression"])


@SUBJECT.says
def routes_are_listed(lab: Lab) -> None:
    """The list of routes has total_count and items; skip and limit choose."""
    with _route(lab):
        page = lab.api.json("GET", _ROUTES, params={"limit": 1})
        true(page["total_count"], isinstance(page["total_count"], int))
        true(f"{len(page['items'])} items with limit=1", len(page["items"]) == 1)
        behind = {"limit": 1, "skip": page["total_count"]}
        items = lab.api.json("GET", _ROUTES, params=behind)["items"]
        true(f"{len(items)} items behind the last", not items)


@SUBJECT.says
def a_page_has_1000_routes_at_most(lab: Lab) -> None:
    """A page of more than 1000 routes is refused with 400."""
    lab.api.json("GET", _ROUTES, 400, params={"limit": 1001})


@SUBJECT.says
def a_route_is_changed(lab: Lab) -> str:
    """A route gets new actions with PUT, and keeps what is not given."""
    with _route(lab) as made:
        path = lab.path("v3", "routes", made["route"]["id"])
        answer = lab.api.json("PUT", path, files=[("action", (None, "stop()"))])
        route = lab.api.json("GET", path)["route"]
        true(route["actions"], route["actions"] == ["stop()"])
        true(route, route["expression"] == made["route"]["expression"])
        return "answered with " + ", ".join(sorted(answer))


@SUBJECT.says
def a_route_is_deleted(lab: Lab) -> None:
    """A deleted route is answered with its id, and is not found any more."""
    with _route(lab) as made:
        path = lab.path("v3", "routes", made["route"]["id"])
        answer = lab.api.json("DELETE", path)
        true(answer, answer["id"] == made["route"]["id"])
        lab.api.json("GET", path, 404)


@SUBJECT.says
def the_route_of_an_address_is_found(lab: Lab) -> None:
    """The route that takes an address is found by routes/match, 404 without one."""
    address = lab.address("route-1")
    if matching(lab, address):
        raise NotChecked("another route takes every address of the domain")
    with _route(lab) as made:
        found = lab.wait("the new route", lambda: matching(lab, address))
        true(found, found == made["route"]["id"])


@SUBJECT.says
def a_route_has_three_actions_and_two_domains(lab: Lab) -> None:
    """One route forwards, stores and stops, and takes mail of two domains: (a|b)."""
    form = [
        *(
            (name, value)
            for name, value in make_form(lab, "both", [])
            if name[0] != "e"
        ),
        ("expression", (None, f'match_recipient(".*@({lab.run}.test|{lab.run}.org)")')),
    ]
    actions = ['forward("https://example.com/mime")', "store()", "stop()"]
    form += [("action", (None, action)) for action in actions]
    made = lab.api.json("POST", _ROUTES, files=form)["route"]
    try:
        true(made["actions"], made["actions"] == actions)
        for end in ("test", "org"):
            address = f"anybody@{lab.run}.{end}"
            found = lab.wait("the new route", lambda who=address: matching(lab, who))
            true(f"{end}: {found}", found == made["id"])
    finally:
        lab.api.call("DELETE", lab.path("v3", "routes", made["id"]))
