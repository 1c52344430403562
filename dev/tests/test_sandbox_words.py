"""The sandbox answers in the words that were recorded from the real service."""

import json
from pathlib import Path

from .case import DOMAIN, SandboxCase

ANSWERS = Path(__file__).parents[2] / "tests" / "answers"


def recorded(part, name):
    """Return status and body of an answer of the real Mailgun."""
    found = json.loads((ANSWERS / f"{part}.json").read_text("utf-8"))
    (one,) = [one for one in found if one["name"] == name]
    is_json = one["headers"].get("Content-Type", "json").startswith("application/json")
    return one["status"], json.loads(one["body"]) if is_json else one["body"]


class TestWords(SandboxCase):
    async def same(self, part, name, answer):
        """Check that an answer is the recorded one."""
        text = await answer.text()
        body = json.loads(text) if text.startswith("{") else text
        self.assertEqual((answer.status, body), recorded(part, name), name)

    async def test_about_messages(self):
        for name, call in (
            ("the address is none", {"to": "nobody"}),
            ("a wrong key", {"key": "wrong"}),
            ("an unknown domain, 2025", {"domain": "elsewhere.example"}),
            ("no recipient", {"to": ""}),
            (
                "too many recipients",
                {"to": ",".join(f"{n}@x.org" for n in range(1001))},
            ),
            ("too many options", {"v_x": "x" * 16384}),
        ):
            await self.same("sending", name, await self.send(**call))

    async def test_about_what_a_domain_may(self):
        domain = self.sandbox.domains[DOMAIN]
        domain.authorized = []
        await self.same("sending", "a sandbox domain and a stranger", await self.send())
        domain.state = "unverified"
        await self.same("sending", "an unverified domain", await self.send())
        domain.disabled = "x"
        await self.same("sending", "a disabled domain", await self.send())

    async def test_any_of_them_can_be_had(self):
        for name in ("a spent allowance", "large batches", "a disabled account"):
            status, body = recorded("sending", name)
            fault = {"path": "messages", "answer": status, "words": body["message"]}
            await self.control("PUT", "faults", json={"requests": [fault]})
            await self.same("sending", name, await self.send())

    async def test_about_what_is_not_there(self):
        base = f"/v3/{DOMAIN}"
        for part, name, method, path in (
            ("account", "no such route", "GET", "/v3/routes/match?address=a@x.org"),
            ("account", "an unknown domain", "GET", "/v4/domains/x.example"),
            ("suppressions", "no such bounce", "GET", f"{base}/bounces/a@x.org"),
            ("suppressions", "no such complaint", "GET", f"{base}/complaints/a@x.org"),
            (
                "suppressions",
                "no such unsubscribe",
                "GET",
                f"{base}/unsubscribes/a@x.org",
            ),
            (
                "record",
                "the mail is no longer kept",
                "GET",
                f"/v3/domains/{DOMAIN}/messages/1",
            ),
        ):
            status, body = recorded(part, name)
            self.assertEqual(await self.api(method, path, status=status), body)

    async def test_shapes_are_those_that_were_recorded(self):
        _status, shown = recorded("account", "a domain")
        mine = await self.api("GET", f"/v4/domains/{DOMAIN}")
        self.assertLessEqual(set(shown["domain"]), set(mine["domain"]))
        for kind in ("sending_dns_records", "receiving_dns_records"):
            fields = set().union(*map(set, shown[kind]))
            self.assertEqual(set().union(*map(set, mine[kind])), fields)
        route = {"expression": "catch_all()", "action": "stop()"}
        made = await self.api("POST", "/v3/routes", data=route)
        path = f"/v3/routes/{made['route']['id']}"
        changed = await self.api("PUT", path, data=route)
        self.assertEqual(set(changed), set(recorded("account", "a changed route")[1]))
        await self.send()
        logs = await self.api("POST", "/v1/analytics/logs", json={})
        entry = recorded("record", "logs")[1]["items"][0]
        accepted = next(one for one in logs["items"] if one["event"] == "accepted")
        kinds = {name: type(entry[name]) for name in ("user-variables", "@timestamp")}
        for name, kind in kinds.items():
            self.assertIsInstance(accepted[name], kind)
        self.assertIsInstance(accepted["storage"]["url"], list)
        self.assertNotIn("timestamp", accepted)


class TestLogs(SandboxCase):
    async def logs(self, status=200, **query):
        return await self.api("POST", "/v1/analytics/logs", status=status, json=query)

    async def test_pages_follow_each_other_by_a_token(self):
        for number in range(2):
            await self.send(to=f"{number}@example.org")
        seen, pagination = [], {"sort": "timestamp:asc", "limit": 3}
        while items := (page := await self.logs(pagination=pagination))["items"]:
            seen += [(one["event"], one["recipient"]) for one in items]
            pagination["token"] = page["pagination"]["next"]
        self.assertEqual(len(seen), 4)
        self.assertEqual(seen[0], ("accepted", "0@example.org"))

    async def test_types_domains_and_times_are_chosen(self):
        await self.send()
        found = await self.logs(events=["delivered"])
        self.assertEqual([one["event"] for one in found["items"]], ["delivered"])
        value = {"label": "x", "value": "other.example.com"}
        other = {"attribute": "domain", "comparator": "=", "values": [value]}
        self.assertFalse((await self.logs(filter={"AND": [other]}))["items"])
        late = "Fri, 01 Jan 2100 00:00:00 -0000"
        self.assertFalse((await self.logs(start=late))["items"])

    async def test_only_what_is_documented_can_be_filtered(self):
        wrong = {"attribute": "recipient", "comparator": "=", "values": []}
        answer = await self.logs(status=400, filter={"AND": [wrong]})
        self.assertIn("not a valid filter predicate attribute", answer["message"])
        await self.logs(status=400, pagination={"limit": 101})

    async def test_each_way_can_be_taken_away(self):
        for gone, status in (("logs", (410, 200)), ("events", (200, 410))):
            left = [way for way in ("logs", "events") if way != gone]
            await self.control("PUT", "settings", json={"record_ways": left})
            await self.logs(status=status[0])
            await self.api("GET", f"/v3/{DOMAIN}/events", status=status[1])

    async def test_keys_of_dkim_can_be_cnames(self):
        path = f"/v4/domains/{DOMAIN}"
        form = {"use_automatic_sender_security": "true"}
        shown = await self.api("PUT", path, data=form)
        keys = [
            (one["record_type"], one["is_active"])
            for one in shown["sending_dns_records"]
            if "_domainkey" in one["name"]
        ]
        self.assertEqual(keys, [("CNAME", True), ("CNAME", False)])
