"""Keys and their rights."""

from mailgun_sandbox.memory.state import Domain

from .case import DOMAIN, SandboxCase, authorization

FORBIDDEN = {"message": "Forbidden"}
LETTER = {"from": f"a@{DOMAIN}", "to": "customer@example.org", "text": "Hello"}
ROUTE = {"expression": "catch_all()", "action": "stop()"}


class TestKeys(SandboxCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        for role in ("admin", "developer", "analyst", "support"):
            wish = {"secret": role, "role": role}
            await self.control("POST", "keys", json=wish)

    async def test_what_roles_may_do(self):
        form = {"address": "customer@example.org"}
        allowed = {"address": "customer@example.org", "reason": "known"}
        everybody = {"admin", "developer", "analyst", "support"}
        writers = {"admin", "developer"}
        for roles, method, path, data in [
            (writers, "POST", f"/v3/{DOMAIN}/messages", LETTER),
            (everybody, "GET", f"/v3/{DOMAIN}/events", None),
            (everybody, "GET", "/v3/routes", None),
            (writers, "POST", "/v3/routes", ROUTE),
            (everybody, "GET", f"/v4/domains/{DOMAIN}", None),
            (writers, "PUT", f"/v4/domains/{DOMAIN}", {"web_scheme": "https"}),
            (writers | {"support"}, "GET", f"/v3/{DOMAIN}/bounces", None),
            (writers | {"support"}, "POST", f"/v3/{DOMAIN}/bounces", form),
            (everybody, "GET", f"/v3/{DOMAIN}/whitelists", None),
            (writers | {"support"}, "POST", f"/v3/{DOMAIN}/whitelists", allowed),
        ]:
            for role in everybody:
                with self.subTest(role=role, method=method, path=path):
                    may = role in roles
                    status = 200 if may else 403
                    answer = await self.api(method, path, role, status, data=data)
                    self.assertEqual(answer == FORBIDDEN, not may)

    async def test_a_sending_key_is_for_one_domain(self):
        self.sandbox.domains["other.example.com"] = Domain("other.example.com")
        wish = {"secret": "other", "role": "sending", "domain": "other.example.com"}
        await self.control("POST", "keys", json=wish)
        for key, domain, status in [
            ("other", "other.example.com", 200),
            ("other", DOMAIN, 401),
            ("sending", DOMAIN, 200),
            ("sending", "other.example.com", 401),
        ]:
            answer = await self.send(key=key, domain=domain)
            self.assertEqual(answer.status, status)
        path = "/v3/other.example.com/events"
        answer = await self.api("GET", path, key="other", status=401)
        self.assertEqual(answer, {"message": "Invalid private key"})

    async def test_only_what_there_is_becomes_a_key(self):
        for wrong in ({"role": "boss"}, {"role": "sending"}, {}):
            wish = {"secret": "x", **wrong}
            await self.control("POST", "keys", json=wish, status=400)

    async def test_the_user_is_called_api(self):
        headers = authorization("api")
        for wrong in ("", "Basic x", headers["Authorization"].replace("Basic", "B")):
            headers = {"Authorization": wrong}
            await self.api("GET", "/v4/domains", headers=headers, status=401)
