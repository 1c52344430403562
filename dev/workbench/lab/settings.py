"""What the database needs: three domains at Mailgun, and a mail server besides."""

from ..machine.ports import HOST
from .lab import Lab

# Mailgun posts its events.
TOLD = "mail.example.com"
# No webhooks: what happened has to be asked for.
ASKING = "mail.example.net"
# A sending key and no webhooks: nothing can be found out.
ONLY_SENDING = "mail.example.org"
DOMAINS = (TOLD, ASKING, ONLY_SENDING)
API_KEY = "server-api-key"
SENDING_KEY = "server-sending-key"
SIGNING_KEY = "server-signing-key"
# Leaves by a mail server of the usual kind.
BY_SMTP = "smtp.example.com"

# Mailgun repeats a post of an event after five minutes; here that is 0.6 seconds.
_TIME_SCALE = "0.002"


def mailgun_options() -> list[str]:
    """Return the options of the local Mailgun for these domains and keys."""
    options = ["--api-key", API_KEY, "--signing-key", SIGNING_KEY]
    options += ["--key", f"sending:{SENDING_KEY}:{ONLY_SENDING}"]
    options += ["--time-scale", _TIME_SCALE]
    for domain in DOMAINS:
        options += ["--domain", domain]
    return options


def apply(lab: Lab, smtp_port: int) -> None:
    """Set everything up, as an administrator would."""
    admin = lab.admin
    parameters = "ir.config_parameter"
    admin.call(parameters, "set_param", "web.base.url", lab.url)
    # Odoo would take it from the next login of an administrator.
    admin.call(parameters, "set_param", "web.base.url.freeze", "True")
    connect(lab, TOLD)
    for name, key in ((ASKING, API_KEY), (ONLY_SENDING, SENDING_KEY)):
        _add(lab, name, key)
    admin.call(
        "ir.mail_server",
        "create",
        [
            {
                "name": "SMTP",
                "smtp_host": HOST,
                "smtp_port": smtp_port,
                "from_filter": BY_SMTP,
            }
        ],
    )
    administrator = admin.search("res.users", ("login", "=", "admin"))
    admin.call("res.users", "write", administrator, {"email": "admin@staff.test"})


def put_jobs_off(lab: Lab) -> None:
    """Leave out what has nothing to do with mail, before the first server starts.

    Jobs that never ran are all due, and would take their time when it is measured.
    """
    lab.execute(
        """UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '1 day'
            WHERE cron_name NOT IN
                  ('Mailgun: apply events', 'Mailgun: route waiting mail')"""
    )


def connect(lab: Lab, name: str) -> None:
    """Paste the API key, choose the domain and connect it, as the wizard does."""
    wizards = "mailgun.connect"
    wizard = lab.admin.call(wizards, "create", [{"api_key": API_KEY}])
    lab.admin.call(wizards, "action_find_domains", wizard)
    choices = "mailgun.connect.choice"
    chosen = lab.admin.search(choices, ("connect_id", "=", wizard), ("name", "=", name))
    lab.admin.call(wizards, "write", wizard, {"choice_id": chosen[0]})
    lab.admin.call(wizards, "action_connect", wizard)


def _add(lab: Lab, name: str, key: str) -> None:
    """Add a domain without setting anything up at Mailgun."""
    domains = "mailgun.domain"
    domain = lab.admin.call(domains, "create", [{"name": name, "api_key": key}])
    lab.admin.call(domains, "action_confirm", domain)
    lab.admin.call(domains, "action_test_connection", domain)
    lab.admin.call(domains, "action_setup_mail", domain)
