"""The addresses that Odoo receives at: a company's alias domain, and its aliases.

What *Connect* moves is remembered with where it was, *Disconnect* moves it back, and
the next *Connect* has it again. What somebody has moved meanwhile stays there.
"""

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .health import HealthLine

_NAMED = Domain("alias_name", "!=", False)
_MAX_NAMES = 3


class MailgunDomain(models.Model):
    """The alias domain whose mail arrives here, and what is at it."""

    _inherit = "mailgun.domain"

    # By id, where Disconnect has left what had this domain's addresses.
    former_users = fields.Json(readonly=True, copy=False)
    stray_alias_count = fields.Integer(compute="_compute_stray_alias_count")

    def _compute_stray_alias_count(self):
        for domain in self:
            is_used = domain.id and domain.state == "ready"
            domain.stray_alias_count = len(domain._stray_aliases()) if is_used else 0

    # === CONNECTING === #

    def _setup_alias_domain(self, alias_domain, use_for_company, move_aliases):
        company = self.company_id or self.env.company
        if use_for_company is None:
            use_for_company = self._is_for_company(company, alias_domain)
        companies = self._all_companies()
        before = {one: one.alias_domain_id for one in companies}
        found = alias_domain or self.alias_domain_id or self._same_alias_domain()
        aliases = self._left_by_disconnect("aliases", self._all_aliases())
        if move_aliases:
            aliases |= self._aliases_elsewhere(company, found)
        returning = self._left_by_disconnect("companies", companies)
        self.alias_domain_id = found or self._create_alias_domain()
        if use_for_company:
            returning |= company
        returning.alias_domain_id = self.alias_domain_id
        moved = [one for one in companies if before[one] != one.alias_domain_id]
        self._remember_moved("companies", {one: before[one] for one in moved})
        self._move_aliases(aliases)
        self.former_users = False

    def _is_for_company(self, company, alias_domain):
        """Tell whether a company has this domain's addresses, if nobody says so.

        :param alias_domain: that is going to be used, perhaps none yet
        """
        current = company.alias_domain_id
        had = (self.former_users or {}).get("companies", {})
        return not current or current == alias_domain or str(company.id) in had

    def _same_alias_domain(self):
        alias_domains = self.env["mail.alias.domain"]
        return alias_domains.search([("name", "=", self.name)], limit=1)

    def _companies_to_move(self, company, alias_domain):
        """Return the companies that get new addresses together with one.

        :param company: the ``res.company``
        :param alias_domain: that is going to be used, perhaps none yet
        """
        companies = self._all_companies()
        if not alias_domain and not self.env["mail.alias.domain"].search([], limit=1):
            # Core gives the first alias domain to every company without one.
            return companies.filtered(lambda one: not one.alias_domain_id) - company
        return companies.browse()

    def _create_alias_domain(self):
        """Create the alias domain; core gives the first one to every alias."""
        homeless = self.env["mail.alias"].search([("alias_domain_id", "=", False)])
        created = self.env["mail.alias.domain"].create({"name": self.name})
        given = homeless.filtered(lambda one: one.alias_domain_id == created)
        self._remember_here(alias_domain=created.id)
        nowhere = self.env["mail.alias.domain"]
        self._remember_moved("aliases", dict.fromkeys(given, nowhere))
        return created

    def _move_aliases(self, aliases):
        """Move aliases to this domain, but for those that core wants elsewhere.

        :param aliases: ``mail.alias`` records
        """
        moved = {}
        for alias in aliases:
            before = alias.alias_domain_id
            try:
                with self.env.cr.savepoint():
                    alias.alias_domain_id = self.alias_domain_id
            except UserError:
                # Its name is taken there, or its record is another company's.
                continue
            if before != self.alias_domain_id:
                moved[alias] = before
        self._remember_moved("aliases", moved)

    # === DISCONNECTING === #

    def _return_alias_domain(self, made):
        """Give back what had this domain's addresses, and remove what was created.

        :param dict made: of ``odoo_footprint``
        """
        companies = _as_places(made.get("companies", {}))
        left = {"companies": self._move_back(self._all_companies(), companies)}
        aliases = _as_places(made.get("aliases", {}))
        created = self.env["mail.alias.domain"].browse(made.get("alias_domain", []))
        created = created.exists().filtered(lambda one: not one.company_ids)
        users = self._aliases_at(created.ids, self._all_companies())
        if users.filtered(lambda alias: str(alias.id) not in aliases):
            # Somebody else uses it, so it stays, and with it who has nowhere to go.
            created = created.browse()
        if not created:
            aliases = {key: place for key, place in aliases.items() if place}
        left["aliases"] = self._move_back(self._all_aliases(), aliases)
        self.former_users = left
        if created:
            self.alias_domain_id = False
            created.unlink()

    def _move_back(self, users, places):
        """Return where users of this domain's addresses are now, by id.

        :param users: companies or aliases
        :param dict places: by id, ids of the alias domains they had before
        """
        left = {}
        for user in users.filtered(lambda one: str(one.id) in places):
            if user.alias_domain_id == self.alias_domain_id:
                place = self.env["mail.alias.domain"].browse(places[str(user.id)] or [])
                user.alias_domain_id = place.exists()
                left[str(user.id)] = user.alias_domain_id.id
        return left

    # === MEMORY === #

    def _remember_moved(self, kind, moved):
        """Remember where companies or aliases were before, unless it is known.

        :param str kind: of ``odoo_footprint``
        :param dict moved: by record, the alias domain that it had
        """
        if moved:
            known = _as_places((self.odoo_footprint or {}).get(kind, {}))
            new = {str(one.id): place.id for one, place in moved.items()}
            self._remember_here(**{kind: {**new, **known}})

    def _left_by_disconnect(self, kind, users):
        """Return the users that are still where Disconnect has left them."""
        left = (self.former_users or {}).get(kind, {})
        return users.filtered(
            lambda one: left.get(str(one.id), -1) == one.alias_domain_id.id
        )

    # === WHO IS WHERE === #

    def _all_companies(self):
        return self.env["res.company"].sudo().search([])

    def _all_aliases(self):
        return self.env["mail.alias"].sudo().search([])

    def _an_alias(self):
        """Return an alias whose mail has to arrive here, perhaps none."""
        there = Domain("alias_domain_id", "in", self.alias_domain_id.ids)
        return self.env["mail.alias"].sudo().search(_NAMED & there, limit=1)

    def _aliases_elsewhere(self, company, alias_domain):
        """Return a company's aliases that are at another alias domain, or at none.

        :param company: the ``res.company``
        :param alias_domain: that is going to be used, perhaps none yet
        """
        current = company.alias_domain_id
        if current and current == alias_domain:
            return self._strays_of(company)
        return self._aliases_at([current.id, False], company)

    def _stray_aliases(self):
        """Return aliases of this domain's companies at which no mail arrives."""
        return self._strays_of(self.sudo().alias_domain_id.company_ids)

    def _strays_of(self, companies):
        if not companies:
            return self.env["mail.alias"]
        names = Domain("name", "not in", self._received_names())
        places = self.env["mail.alias.domain"].sudo().search(names)
        return self._aliases_at([*places.ids, False], companies)

    def _received_names(self):
        """Return the names of all domains whose mail comes to this database."""
        domains = self.sudo().search([("state", "=", "ready")])
        return {*domains.mapped("name"), *domains.alias_domain_id.mapped("name")}

    def _aliases_at(self, places, companies):
        """Return the aliases of companies that are at alias domains.

        :param list places: ids, with False for no alias domain
        :param companies: ``res.company`` records
        """
        there = Domain("alias_domain_id", "in", places)
        aliases = self.env["mail.alias"].sudo().search(_NAMED & there)
        if companies == self._all_companies():
            return aliases

        def is_theirs(alias):
            company = _company_of(alias) or alias.alias_domain_id.company_ids
            return not company or company & companies

        return aliases.filtered(is_theirs)

    def _is_other_server_fetching(self):
        """Tell whether mail may also come by a server that is not Mailgun's."""
        others = [("mailgun_domain_id", "=", False), ("state", "=", "done")]
        servers = self.env["fetchmail.server"].sudo()
        return bool(servers.search_count(others, limit=1))

    def _other_companies(self):
        """Return whose mail it is as well that leaves and arrives by this domain."""
        users = self.company_id | self.sudo().alias_domain_id.company_ids
        return users - self.env.company

    # === HEALTH === #

    def action_move_aliases(self):
        """Have aliases at this domain whose mail does not come here otherwise."""
        self.ensure_one()
        self.check_access("write")
        self._move_aliases(self._stray_aliases())

    def _health_of_account(self):
        return [
            *super()._health_of_account(),
            *self._health_of_aliases(),
            *self._health_of_companies(),
        ]

    def _health_of_companies(self):
        """Name the other companies that whoever changes the domain does it for."""
        others = self._other_companies()
        if not others:
            return []
        names = ", ".join(others.sudo().mapped("name"))
        text = self.env._("Mail of other companies goes this way as well: %s.", names)
        return [HealthLine("info", self.env._("Companies"), text)]

    def _health_of_aliases(self):
        """Return a line for each place at which aliases get no mail."""
        strays = self._stray_aliases().grouped("alias_domain_id")
        return [self._health_of_place(*one) for one in strays.items()]

    def _health_of_place(self, place, aliases):
        return HealthLine(
            # What another server fetches is not ours to judge.
            "info" if self._is_other_server_fetching() else "warning",
            self.env._("Aliases"),
            self.env._(
                "%(count)s aliases are at %(place)s, whose mail does not come here: "
                "%(names)s.",
                count=len(aliases),
                place=place.name or self.env._("no domain"),
                names=", ".join(aliases[:_MAX_NAMES].mapped("alias_name")),
            ),
            self.env._(
                "Press Move Aliases to have them at %(domain)s. Where a name is taken, "
                "change one of the two in Settings > Technical > Email > Aliases.",
                domain=self.alias_domain_id.name,
            ),
        )


def _as_places(found):
    """Return what a footprint says by id; the first version only listed aliases."""
    return found if isinstance(found, dict) else {str(one): False for one in found}


def _company_of(alias):
    """Return the company of the record that an alias is about, perhaps none."""
    owner = alias.alias_parent_model_id, alias.alias_parent_thread_id
    target = alias.alias_model_id, alias.alias_force_thread_id
    for model, record_id in (owner, target):
        if not record_id or model.model not in alias.env:
            continue
        record = alias.env[model.model].browse(record_id).exists()
        name = record and record._mail_get_company_field()
        if name and record[name]:
            return record[name]
    return alias.env["res.company"]
