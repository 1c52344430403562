"""Addresses that Mailgun does not deliver to (user manual, "Suppressions")."""

import email.utils
from dataclasses import dataclass, field

ALL_TAGS = "*"


def now() -> str:
    """Return the time as these lists write it: with the word UTC, not GMT."""
    return email.utils.formatdate(usegmt=True).replace("GMT", "UTC")


@dataclass
class SuppressionLists:
    """The lists of a domain, in the API's shape, by address in small letters."""

    bounces: dict[str, dict] = field(default_factory=dict)
    complaints: dict[str, dict] = field(default_factory=dict)
    unsubscribes: dict[str, dict] = field(default_factory=dict)
    # By address or by domain.
    whitelists: dict[str, dict] = field(default_factory=dict)

    def reason(self, address: str, tags: list[str]) -> str | None:
        """Return why a message is not delivered, as its event says it.

        :param tags: of the message; some are unsubscribed from single ones only
        """
        key = address.lower()
        if key in self.bounces:
            return "suppress-bounce"
        refused = self.unsubscribes.get(key, {}).get("tags", [])
        if {ALL_TAGS, *tags} & set(refused):
            return "suppress-unsubscribe"
        return "suppress-complaint" if key in self.complaints else None

    def bounce(self, address: str, code: int, error: str) -> None:
        """Note a hard bounce, unless address or domain is on the allowlist."""
        allowed = {address.lower(), address.lower().rpartition("@")[2]}
        if not allowed & set(self.whitelists):
            self.add("bounces", {"address": address, "code": code, "error": error})

    def unsubscribe(self, address: str) -> None:
        """Note somebody who wants no more mail."""
        self.add("unsubscribes", {"address": address})

    def complain(self, address: str) -> None:
        """Note somebody who called a mail spam."""
        self.add("complaints", {"address": address})

    def add(self, name: str, given: dict) -> None:
        """Put an address on a list, with the defaults of what is not given."""
        key = given["address"].lower()
        entry = {"address": given["address"]}
        if name == "bounces":
            entry["code"] = str(given.get("code") or 550)
            entry["error"] = given.get("error") or ""
        elif name == "unsubscribes":
            before = self.unsubscribes.get(key, {}).get("tags", [])
            tags = given.get("tags") or [given.get("tag") or ALL_TAGS]
            entry["tags"] = list(dict.fromkeys([*before, *tags]))
        entry["created_at"] = given.get("created_at") or now()
        getattr(self, name)[key] = entry

    def allow(self, kind: str, value: str, reason: str) -> None:
        """Put an address or a domain on the allowlist.

        :param kind: "address" or "domain"
        """
        entry = {"type": kind, "value": value, "reason": reason, "createdAt": now()}
        self.whitelists[value.lower()] = entry
