"""The DNS records that Mailgun asks for (user manual, "Domain verification")."""

from dataclasses import dataclass

# What stands in for a real public key.
_PUBLIC_KEY = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDsandboxIDAQAB"


@dataclass
class DnsRecord:
    """A record, and what Mailgun found when it looked.

    :param valid: None = Mailgun has not found it yet
    :param is_spare: a key for later, with which nothing is signed now
    """

    kind: str
    name: str
    value: str
    priority: str = ""
    valid: bool | None = None
    is_spare: bool = False

    @property
    def is_needed(self) -> bool:
        """Tell whether Mailgun wants it before the domain may send."""
        return self.kind == "TXT" or (self.is_dkim and not self.is_spare)

    @property
    def is_dkim(self) -> bool:
        """Tell whether it is a key that mail is signed with, or can be."""
        return "._domainkey." in self.name

    def as_json(self) -> dict:
        """Return the record in the documented shape."""
        words = {None: "unknown", True: "valid", False: "invalid"}
        shown = {
            "is_active": bool(self.valid and not self.is_spare) or not self.is_dkim,
            "cached": [self.value] if self.valid else [],
            "record_type": self.kind,
            "valid": words[self.valid],
            "value": self.value,
        }
        if self.kind == "MX":
            return {**shown, "priority": self.priority}
        return {**shown, "name": self.name}


def records(domain: str, region: str, valid: bool | None) -> list[DnsRecord]:
    """Return the records of a domain: two MX, SPF, DKIM and the tracking host."""
    host = "eu.mailgun.org" if region == "eu" else "mailgun.org"
    return [
        DnsRecord("MX", domain, f"mxa.{host}", "10", valid),
        DnsRecord("MX", domain, f"mxb.{host}", "10", valid),
        DnsRecord("TXT", domain, f"v=spf1 include:{host} ~all", valid=valid),
        DnsRecord(
            "TXT", f"smtp._domainkey.{domain}", f"k=rsa; p={_PUBLIC_KEY}", valid=valid
        ),
        DnsRecord("CNAME", f"email.{domain}", host, valid=valid),
    ]


def rotating_keys(domain: str, valid: bool | None) -> list[DnsRecord]:
    """Return the records of keys that Mailgun changes by itself; one is in use."""
    return [
        DnsRecord(
            "CNAME",
            f"pdk{number}._domainkey.{domain}",
            f"pdk{number}._domainkey.5a6b7c.dkim1.mailgun.com",
            valid=valid,
            is_spare=number == 2,
        )
        for number in (1, 2)
    ]
