"""Waiting until the module has done what it has to do."""

from collections.abc import Sequence

from ..demo.demo_stage import Stage
from ..machine.steps import Steps
from ..servers.web_client import OdooError, WebClient
from . import settings
from .letters import Letter

# A mail whose worker was killed waits a minute; one that was hit twice, five more.
PATIENCE = 480


def settle(steps: Steps, stage: Stage) -> None:
    """Wait until no mail of the journal is waiting, and run the cron meanwhile.

    :raise StepFailed: when it takes too long
    """
    admin = settings.administrator(stage)

    def settled() -> bool:
        if not waiting(stage):
            return True
        _run_cron(admin)
        return False

    steps.wait_for("the journal to be settled", settled, PATIENCE)


def waiting(stage: Stage) -> int:
    """Return how many rows are to be routed."""
    sql = "SELECT count(*) FROM mailgun_inbound_email WHERE state = 'pending'"
    ((count,),) = stage.rows(sql)
    return count


def rows(stage: Stage, letters: Sequence[Letter]) -> dict[str, int]:
    """Return how many rows the mails have, by state."""
    return dict(
        stage.rows(
            """SELECT state, count(*) FROM mailgun_inbound_email
               WHERE message_id = ANY(%s) GROUP BY state ORDER BY state""",
            [one.message_id for one in letters],
        )
    )


def _run_cron(admin: WebClient) -> None:
    (cron,) = admin.search("ir.cron", ("model_id.model", "=", "mailgun.inbound.email"))
    try:
        admin.call("ir.cron", "method_direct_trigger", [cron])
    except OdooError:
        # It is running already.
        return
