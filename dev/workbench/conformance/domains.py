"""Assumptions about domains and the account."""

from . import probes
from .assumption import Group, expect
from .lab import Lab

GROUP = Group("domains")

_DOMAINS = "/v4/domains"


@GROUP.assumes
def domains_are_listed(lab: Lab) -> str:
    """The list of domains has total_count, and items with name and state."""
    page = lab.api.json("GET", _DOMAINS, params={"limit": 1, "skip": 0})
    expect(isinstance(page["total_count"], int), page["total_count"])
    expect(len(page["items"]) == 1, f"{len(page['items'])} items with limit=1")
    one = page["items"][0]
    expect(isinstance(one["name"], str), one["name"])
    expect(one["state"] in ("active", "unverified", "disabled"), one["state"])
    return f"{page['total_count']} in all"


@GROUP.assumes
def the_list_of_domains_ends(lab: Lab) -> None:
    """Behind the last domain the list is empty."""
    total = lab.api.json("GET", _DOMAINS, params={"limit": 1})["total_count"]
    page = lab.api.json("GET", _DOMAINS, params={"limit": 1, "skip": total})
    expect(not page["items"], page["items"])


@GROUP.assumes
def validity_is_a_word(lab: Lab) -> str:
    """The field valid of a DNS record is a word, not true or false."""
    body = lab.once(probes.domain)
    records = [*body["sending_dns_records"], *body["receiving_dns_records"]]
    expect(bool(records), "no records")
    found = sorted({repr(one["valid"]) for one in records})
    words = {repr(word) for word in ("valid", "unknown", "invalid")}
    expect(set(found) <= words, found)
    return ", ".join(found)


@GROUP.assumes
def a_domain_tells_what_it_does_with_spam(lab: Lab) -> str:
    """The field spam_action of a domain is disabled, tag or block."""
    action = lab.once(probes.domain)["domain"]["spam_action"]
    expect(action in ("disabled", "tag", "block"), action)
    return action


@GROUP.assumes
def a_wrong_key_manages_nothing(lab: Lab) -> None:
    """A wrong key is answered 401."""
    path = lab.path("v4", "domains", lab.domain)
    response = lab.api.call("GET", path, auth=("api", lab.run))
    expect(response.status_code == 401, response.status_code)


@GROUP.assumes
def a_domain_that_is_not_there(lab: Lab) -> None:
    """An unknown domain is answered 404 with the words Domain not found."""
    path = lab.path("v4", "domains", f"{lab.run}.example.com")
    words = lab.api.json("GET", path, 404)["message"]
    expect(words.startswith("Domain not found"), words)


@GROUP.assumes
def the_signing_key_can_be_read(lab: Lab) -> str:
    """The HTTP webhook signing key can be read, and is not the API key."""
    expect(lab.signing_key != lab.target.key, "it is the API key")
    return f"{len(lab.signing_key)} characters"
