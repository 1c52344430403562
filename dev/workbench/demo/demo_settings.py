"""What an administrator sets up before the first mail, by the web client's calls."""

from ..machine.steps import Steps
from ..servers.web_client import WebClient
from .demo_stage import API_KEY, DATABASE, DOMAIN, Stage

COMPANY = "Example Company"
CUSTOMER = "customer@customer.test"
SALES_ALIAS = "sales"
SALES_USER = "sales"
# Where employees have their mailboxes: not the domain that Mailgun handles.
STAFF_DOMAIN = "example.com"


def apply(steps: Steps, stage: Stage) -> None:
    """Set everything up, as often as it is called."""
    admin = WebClient(stage.url, DATABASE, "admin", "admin")
    _set_base_url(admin, stage.url)
    # A database that is kept may have more companies by now.
    users = admin.search("res.users", ("login", "=", "admin"))
    (user,) = admin.call("res.users", "read", users, ["company_id"])
    admin.call("res.company", "write", user["company_id"][:1], {"name": COMPANY})
    _connect_domain(admin)
    _make_people(admin)
    _ask_nobody(admin)
    team = admin.search("crm.team", ("alias_name", "in", ["info", SALES_ALIAS]))[:1]
    admin.call(
        "crm.team", "write", team, {"alias_name": SALES_ALIAS, "use_leads": True}
    )
    _show(steps, stage)


def _set_base_url(admin: WebClient, url: str) -> None:
    parameters = "ir.config_parameter"
    admin.call(parameters, "set_param", "web.base.url", url)
    # Odoo would take it from the next login of an administrator.
    admin.call(parameters, "set_param", "web.base.url.freeze", "True")


def _connect_domain(admin: WebClient) -> None:
    """Paste the API key and connect what it finds, as the wizard does."""
    (wizard,) = admin.call("mailgun.connect", "create", [{"api_key": API_KEY}])
    admin.call("mailgun.connect", "action_find_domains", [wizard])
    admin.call("mailgun.connect", "action_connect", [wizard])


def _make_people(admin: WebClient) -> None:
    administrator = admin.search("res.users", ("login", "=", "admin"))
    email = {"email": f"admin@{STAFF_DOMAIN}"}
    admin.call("res.users", "write", administrator, email)
    admin.ensure("res.partner", {"email": CUSTOMER}, name="Customer")
    (group,) = admin.call(
        "ir.model.data",
        "search_read",
        [
            ("module", "=", "sales_team"),
            ("name", "=", "group_sale_salesman_all_leads"),
        ],
        ["res_id"],
    )
    admin.ensure(
        "res.users",
        {"login": SALES_USER},
        name="Sales",
        email=f"salesperson@{STAFF_DOMAIN}",
        password=SALES_USER,
        notification_type="inbox",
        group_ids=[(4, group["res_id"])],
    )


def _ask_nobody(admin: WebClient) -> None:
    """Keep new leads from asking a service out there about their senders."""
    owners = admin.call(
        "ir.model.data",
        "search_read",
        [("model", "=", "ir.cron"), ("module", "=like", "crm_iap%")],
        ["res_id"],
    )
    crons = [owner["res_id"] for owner in owners]
    admin.call("ir.cron", "write", crons, {"active": False})


def _show(steps: Steps, stage: Stage) -> None:
    steps.say("settings are in the database")
    ((domain, state, server, alias),) = stage.rows(
        """SELECT domain.name, domain.state, server.name,
                  alias.alias_name || '@' || alias_domain.name
           FROM mailgun_domain AS domain
           JOIN ir_mail_server AS server ON server.mailgun_domain_id = domain.id
           JOIN mail_alias AS alias ON alias.alias_name = %s
           JOIN mail_alias_domain AS alias_domain
                ON alias_domain.id = alias.alias_domain_id
           WHERE domain.name = %s""",
        SALES_ALIAS,
        DOMAIN,
    )
    steps.found(domain=f"{domain} ({state})", mail_server=server, alias=alias)
