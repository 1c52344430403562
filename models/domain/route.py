from odoo import api, fields, models

from ...const import INBOUND_PATHS
from ...tools.api.management import Route
from .provisioning import Finding


class MailgunDomain(models.Model):
    """The route: what has Mailgun hand the domain's mail to this database.

    Routes are shared by everybody who uses the account, other databases included. Ours
    carries the identity of the domain, which no copy of the database has. What carries
    another, or none, is left alone, and so is ours while it leads elsewhere: whether a
    database has moved or was copied only a person knows (Take Over).
    """

    _inherit = "mailgun.domain"

    route_expression = fields.Char(compute="_compute_route_expression")
    route_found = fields.Char("Route at Mailgun", readonly=True, copy=False)
    route_trouble = fields.Char(readonly=True, copy=False)
    route_elsewhere = fields.Boolean(readonly=True, copy=False)

    @api.depends("name", "alias_domain_id.name")
    def _compute_route_expression(self):
        for domain in self:
            text = "|".join(domain._receiving_names())
            text = f"({text})" if "|" in text else text
            domain.route_expression = text and f'match_recipient(".*@{text}")'

    def _receiving_names(self):
        return sorted(filter(None, {self.name, self.alias_domain_id.name}))

    # === WHOSE ROUTE IS IT === #

    def _is_ours(self, route):
        """Tell whether a route was made for this domain by this very database."""
        marks = {self.identity, (self.footprint or {}).get("route_mark")}
        return route.description in map(self._route_description, marks - {None, False})

    def _is_of_another(self, route):
        """Tell whether a route was made for this domain by another database.

        Even one that leads here: a copy may still have the original's address.
        """
        if self._is_ours(route):
            return False
        return route.description.startswith(self._route_description("")[:-1]) or (
            route.expression == self.route_expression
            and any(url.endswith(INBOUND_PATHS) for url in route.urls)
            and self._leads_elsewhere(route)
        )

    def _comes_here(self, route):
        """Tell whether a route hands mail to this database, and to no other."""
        return self._leads_here(route) and not self._is_of_another(route)

    def _leads_here(self, route):
        here = {self._own_root() + path for path in INBOUND_PATHS}
        return bool(here.intersection(route.urls))

    def _leads_elsewhere(self, route):
        return bool(route.urls) and all(map(self._is_elsewhere, route.urls))

    def _route_description(self, mark):
        return f"Odoo: mail for {self.name} (database {mark})"

    def _route_of_another(self, account):
        """Return the route by which another database gets the domain's mail, or None.

        :param Management account: of the domain's key
        :raise ApiError: Mailgun cannot be asked, or does not tell this key
        """
        first = account.match_route(f"any-address@{self.name}")
        return first if first and self._is_of_another(first) else None

    # === SETTING UP === #

    def _ensure_route(self, account, take_over=False):
        """Have the domain's mail come here, as far as nobody else has it.

        :param bool take_over: have it come here in any case
        :rtype: Finding
        """
        routes = account.list_routes()
        mine = [one for one in routes if self._may_change(one, take_over)]
        made_by_hand = next(filter(self._comes_here, routes), None)
        if mine:
            self._mend_route(account, *mine)
        elif made_by_hand:
            self.route_found = made_by_hand.id
        elif not any(self._is_ours(one) or self._is_of_another(one) for one in routes):
            self.route_found = account.create_route(self._wanted_route()).id
        return self._look_at_route(account)

    def _may_change(self, route, take_over):
        if self._is_ours(route):
            return take_over or not self._leads_elsewhere(route)
        return take_over and self._is_of_another(route)

    def _mend_route(self, account, first, *doubles):
        wanted = self._wanted_route(first.id, first.priority)
        if first != wanted:
            account.update_route(wanted)
        for route in filter(self._is_ours, doubles):
            account.delete_route(route.id)
        self.route_found = first.id

    def _wanted_route(self, route_id="", priority=0):
        return Route(
            id=route_id,
            expression=self.route_expression,
            actions=(f'forward("{self.inbound_url}")', "store()", "stop()"),
            priority=priority,
            description=self._route_description(self.identity),
        )

    # === LOOKING === #

    def _look_at_route(self, account):
        """Find out whether the domain's mail comes here, and who gets it otherwise.

        :param Management account: of the domain's key
        :rtype: Finding
        """
        names = self._receiving_names()
        found = (self._look_at_mail_for(name, account) for name in names)
        return next((one for one in found if one.trouble), Finding())

    def _look_at_mail_for(self, name, account):
        first = account.match_route(f"any-address@{name}")
        if first and self._comes_here(first):
            return Finding()
        if first and (self._is_ours(first) or self._is_of_another(first)):
            return self._misled(name, first)
        if first and first.stops:
            return Finding(self._in_the_way(first))
        if first and any(map(self._comes_here, account.list_routes())):
            return Finding()
        return Finding(
            self.env._(
                "No route at Mailgun takes mail for %s: there is none, or it is gone.",
                name,
            )
        )

    def _misled(self, name, route):
        """Return what is wrong with a route of a database that is not here."""
        if self._is_ours(route) and not self._leads_elsewhere(route):
            return Finding(
                self.env._("The route at Mailgun does not forward mail for %s.", name)
            )
        if self._leads_here(route):
            text = self.env._(
                "The route “%(route)s” at Mailgun leads to the address of this "
                "database, and was made by another one or by an earlier set-up of "
                "%(name)s.",
                name=name,
                route=route.description,
            )
            return Finding(text, is_elsewhere=True)
        text = self.env._(
            "Mail for %(name)s goes to %(there)s, and not to this database at "
            "%(here)s: the route “%(route)s” at Mailgun takes it.",
            name=name,
            there=", ".join(route.urls) or self.env._("another database"),
            here=self.inbound_url,
            route=route.description or route.expression,
        )
        return Finding(text, is_elsewhere=True)

    def _in_the_way(self, route):
        return self.env._(
            "Another route at Mailgun takes the mail first and stops: "
            "“%(description)s”, %(expression)s, priority %(priority)s. Give it a "
            "higher number than ours, or remove its stop().",
            description=route.description or route.id,
            expression=route.expression,
            priority=route.priority,
        )
