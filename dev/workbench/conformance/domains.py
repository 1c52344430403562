"""Assumptions about domains and the account."""

from ..servers.sentences import Subject, true
from . import probes
from .lab import Lab

SUBJECT = Subject("domains")

_DOMAINS = "/v4/domains"


@SUBJECT.says
def domains_are_listed(lab: Lab) -> str:
    """The list of domains has total_count, and items with name and state."""
    page = lab.api.json("GET", _DOMAINS, params={"limit": 1, "skip": 0})
    true(page["total_count"], isinstance(page["total_count"], int))
    true(f"{len(page['items'])} items with limit=1", len(page["items"]) == 1)
    one = page["items"][0]
    true(one["name"], isinstance(one["name"], str))
    true(one["state"], one["state"] in ("active", "unverified", "disabled"))
    return f"{page['total_count']} in all"


@SUBJECT.says
def the_list_of_domains_ends(lab: Lab) -> None:
    """Behind the last domain the list is empty."""
    total = lab.api.json("GET", _DOMAINS, params={"limit": 1})["total_count"]
    page = lab.api.json("GET", _DOMAINS, params={"limit": 1, "skip": total})
    true(page["items"], not page["items"])


@SUBJECT.says
def validity_is_a_word(lab: Lab) -> str:
    """The field valid of a DNS record is a word, not true or false."""
    body = lab.once(probes.domain)
    records = [*body["sending_dns_records"], *body["receiving_dns_records"]]
    true("no records", bool(records))
    found = sorted({repr(one["valid"]) for one in records})
    words = {repr(word) for word in ("valid", "unknown", "invalid")}
    true(found, set(found) <= words)
    return ", ".join(found)


@SUBJECT.says
def a_domain_tells_what_it_does_with_spam(lab: Lab) -> str:
    """The field spam_action of a domain is disabled, tag or block."""
    action = lab.once(probes.domain)["domain"]["spam_action"]
    true(action, action in ("disabled", "tag", "block"))
    return action


@SUBJECT.says
def a_wrong_key_manages_nothing(lab: Lab) -> None:
    """A wrong key is answered 401."""
    path = lab.path("v4", "domains", lab.domain)
    response = lab.api.call("GET", path, auth=("api", lab.run))
    true(response.status_code, response.status_code == 401)


@SUBJECT.says
def a_domain_that_is_not_there(lab: Lab) -> None:
    """An unknown domain is answered 404 with the words Domain not found."""
    path = lab.path("v4", "domains", f"{lab.run}.example.com")
    words = lab.api.json("GET", path, 404)["message"]
    true(words, words.startswith("Domain not found"))


@SUBJECT.says
def the_signing_key_can_be_read(lab: Lab) -> str:
    """The HTTP webhook signing key can be read, and is not the API key."""
    true("it is the API key", lab.signing_key != lab.target.key)
    return f"{len(lab.signing_key)} characters"


@SUBJECT.says
def a_domain_says_whether_it_is_disabled(lab: Lab) -> str:
    """A domain says by is_disabled whether it is, beside its state."""
    about = lab.once(probes.domain)["domain"]
    true(about.get("is_disabled"), isinstance(about["is_disabled"], bool))
    return f"state {about['state']}, is_disabled {about['is_disabled']}"


@SUBJECT.says
def keys_of_dkim_have_their_name(lab: Lab) -> str:
    """Keys of DKIM have _domainkey in their name, as TXT or as CNAME records."""
    body = lab.once(probes.domain)
    records = body["sending_dns_records"]
    keys = [one for one in records if "._domainkey." in one["name"]]
    true([one["name"] for one in records], bool(keys))
    kinds = {one["record_type"] for one in keys}
    true(kinds, kinds <= {"TXT", "CNAME"})
    automatic = body["domain"].get("use_automatic_sender_security")
    told = [f"{one['record_type']} is_active {one.get('is_active')}" for one in keys]
    return f"{'; '.join(told)}; use_automatic_sender_security {automatic}"
