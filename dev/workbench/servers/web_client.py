"""Odoo as its web client sees it: one login, then calls of methods."""

import requests

# Seconds; longer than a queue works in one call, by limit_time_real of 120.
_TIMEOUT = 180


class OdooError(Exception):
    """Odoo answered a call with an error."""


class WebClient:
    """A user who is logged in.

    :param url: of Odoo
    :param database: its name
    :param login: of the user
    :param password: of the user
    :raise OdooError: when Odoo does not let the user in
    """

    def __init__(self, url: str, database: str, login: str, password: str):
        self._url = url
        self._http = requests.Session()
        # A proxy for the outside world has no business between two local processes.
        self._http.trust_env = False
        credentials = {"db": database, "login": login, "password": password}
        self._post("/web/session/authenticate", credentials)

    def call(self, model: str, method: str, *arguments, **options):
        """Call a method of a model.

        :raise OdooError: with what Odoo says about it
        """
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": arguments, "kwargs": options},
        )

    def search(self, model: str, *domain) -> list[int]:
        """Return the ids of the records that fit."""
        return self.call(model, "search", list(domain))

    def ensure(self, model: str, key: dict, **values) -> int:
        """Return the record that has the values of ``key``, made if it is missing.

        :param values: what it gets besides when it is made
        """
        found = self.search(model, *((name, "=", key[name]) for name in key))
        if not found:
            # Nobody follows what a script makes, and nobody is invited.
            context = {"mail_create_nosubscribe": True, "no_reset_password": True}
            vals_list = [{**key, **values}]
            found = self.call(model, "create", vals_list, context=context)
        return found[0]

    def _post(self, path: str, parameters: dict):
        payload = {"jsonrpc": "2.0", "method": "call", "params": parameters}
        response = self._http.post(self._url + path, json=payload, timeout=_TIMEOUT)
        response.raise_for_status()
        body = response.json()
        if error := body.get("error"):
            data = error.get("data") or {}
            raise OdooError(data.get("message") or error.get("message"))
        return body.get("result")
