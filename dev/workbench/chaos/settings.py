"""What the database needs besides the demonstration's settings."""

from ..demo import demo_settings
from ..demo.demo_stage import DATABASE, Stage
from ..machine.steps import Steps
from ..servers.web_client import WebClient
from .letters import CONTACTS, SERVICE


def apply(steps: Steps, stage: Stage) -> None:
    """Set everything up, as often as it is called."""
    demo_settings.apply(steps, stage)
    admin = administrator(stage)
    admin.ensure(
        "crm.team", {"name": "Service"}, alias_name=_local(SERVICE), use_leads=True
    )
    (contact,) = admin.search("ir.model", ("model", "=", "res.partner"))
    admin.ensure("mail.alias", {"alias_name": _local(CONTACTS)}, alias_model_id=contact)
    _silence(admin)


def _silence(admin: WebClient) -> None:
    """Let new mail notify nobody by mail."""
    users = admin.search("res.users", ("share", "=", False))
    admin.call("res.users", "write", users, {"notification_type": "inbox"})


def administrator(stage: Stage) -> WebClient:
    """Log the administrator in."""
    return WebClient(stage.url, DATABASE, "admin", "admin")


def _local(address: str) -> str:
    return address.partition("@")[0]
