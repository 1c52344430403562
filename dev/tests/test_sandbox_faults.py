"""What goes wrong on purpose."""

import json
import time
import unittest

import aiohttp
from mailgun_sandbox.memory.faults import Fault, parse

from .case import DOMAIN, SandboxCase

EVENTS = f"/v3/{DOMAIN}/events"


class TestFault(unittest.TestCase):
    def outcomes(self, fault, *times, path="messages.mime", method="POST"):
        return [fault.strikes(path, method, now) for now in times]

    def test_it_is_used_up(self):
        self.assertEqual(self.outcomes(Fault(count=2), 0, 0, 0), [True, True, False])

    def test_it_concerns_a_path_and_a_method(self):
        fault = Fault(path="messages", method="POST")
        self.assertEqual(self.outcomes(fault, 0), [True])
        self.assertEqual(self.outcomes(fault, 0, method="GET"), [False])
        self.assertEqual(self.outcomes(fault, 0, path="events"), [False])

    def test_the_same_seed_gives_the_same_sequence(self):
        first, again, other = (
            self.outcomes(Fault(probability=0.5, seed=seed), *range(50))
            for seed in (1, 1, 2)
        )
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        self.assertTrue(0 < sum(first) < 50)

    def test_a_rate_has_room_again_after_a_second(self):
        times = (0, 0.5, 0.9, 1.1, 1.2, 1.6)
        outcomes = [False, False, True, False, True, False]
        self.assertEqual(self.outcomes(Fault(per_second=2), *times), outcomes)

    def test_what_there_is_not_is_an_error(self):
        wrong = ({"request": []}, {"requests": [{"answer": 404}]}, {"requests": [1]})
        for wish in (*wrong, []):
            with self.subTest(wish=wish), self.assertRaises(ValueError):
                parse(wish)


class TestRequests(SandboxCase):
    async def fail(self, *requests, **more):
        wish = {"requests": requests, **more}
        return await self.control("PUT", "faults", json=wish)

    async def test_only_sending_fails(self):
        await self.fail({"path": "messages", "answer": 500, "count": 1})
        answer = await self.send()
        self.assertEqual(answer.status, 500)
        self.assertEqual(await answer.json(), {"message": "Internal Server Error"})
        self.assertEqual((await self.api("GET", EVENTS))["items"], [])
        self.assertEqual((await self.send()).status, 200)
        left = await self.control("GET", "faults")
        self.assertEqual(left["requests"][0]["count"], 0)

    async def test_limits_have_mailguns_words(self):
        for status, words in [(429, "request limit"), (420, "recipient limit")]:
            await self.fail({"answer": status, "retry_after": 5})
            answer = await self.send()
            self.assertEqual(answer.status, status)
            message = (await answer.json())["message"]
            start = f"Domain {DOMAIN} is not allowed to send: {words} exceeded, "
            self.assertTrue(message.startswith(f"{start}try again after "), message)
            self.assertTrue(message.endswith(" UTC"))
            reset = int(answer.headers["X-RateLimit-Reset"]) / 1000
            self.assertAlmostEqual(reset, time.time() + 5, delta=2)
            self.assertEqual(answer.headers["X-RateLimit-Remaining"], "0")
        await self.fail({"answer": 429, "retry_after": 5})
        answer = await self.api("GET", EVENTS, status=429)
        words = "account-requests-per-sec limit exceeded, try again after 5 seconds"
        self.assertEqual(answer, {"message": words})

    async def test_a_rate_is_limited(self):
        await self.fail({"path": "events", "per_second": 2})
        for status in (200, 200, 429):
            await self.api("GET", EVENTS, status=status)
        self.assertEqual((await self.send()).status, 200)

    async def test_a_gateway_answers_html(self):
        await self.fail({"path": "events", "answer": 502})
        text = await self.api("GET", EVENTS, status=502)
        self.assertIn("<h1>502 Bad Gateway</h1>", text)

    async def test_a_proxy_answers_html_and_the_message_may_be_taken(self):
        for number, obeyed in enumerate((False, True)):
            await self.fail({"path": "messages", "answer": 524, "obeyed": obeyed})
            answer = await self.send()
            self.assertEqual(answer.status, 524)
            self.assertIn("Error code 524", await answer.text())
            self.assertEqual(len(self.sandbox.mails), number)

    async def test_what_was_taken_may_be_answered_with_201(self):
        await self.fail({"path": "messages", "answer": 201})
        answer = await self.send()
        self.assertEqual(answer.status, 201)
        self.assertIn("id", await answer.json())
        self.assertEqual(len(self.sandbox.mails), 1)

    async def test_the_answer_may_not_name_what_was_taken(self):
        await self.fail({"path": "messages", "answer": "no id"})
        answer = await self.send()
        self.assertEqual(answer.status, 200)
        self.assertEqual(list(await answer.json()), ["message"])
        self.assertEqual(len(self.sandbox.mails), 1)

    async def test_a_connection_may_close_before_anything_is_taken(self):
        await self.fail({"path": "messages", "answer": "closed"})
        with self.assertRaises(aiohttp.ClientConnectionError):
            await self.send()
        self.assertEqual(len(self.sandbox.mails), 0)

    async def test_payment_can_be_required(self):
        await self.fail({"answer": 402})
        answer = await self.api("GET", "/v4/domains", status=402)
        self.assertEqual(answer, {"message": "Request failed"})

    async def test_an_answer_is_lost_after_the_message_was_taken(self):
        await self.fail({"path": "messages", "answer": "lost"})
        with self.assertRaises(aiohttp.ClientConnectionError):
            await self.send()
        self.assertEqual(len(self.sandbox.mails), 1)

    async def test_a_message_may_be_taken_and_answered_with_an_error(self):
        await self.fail({"path": "messages", "answer": 500, "obeyed": True})
        self.assertEqual((await self.send()).status, 500)
        self.assertEqual(len(self.sandbox.mails), 1)

    async def test_an_answer_comes_late(self):
        await self.fail({"path": "messages", "delay": 0.2})
        start = time.monotonic()
        self.assertEqual((await self.send()).status, 200)
        self.assertGreaterEqual(time.monotonic() - start, 0.2)

    async def test_it_is_counted_what_a_fault_has_hit(self):
        failing = {"path": "messages", "answer": 500, "count": 1}
        slow = {"path": "messages", "delay": 0.01}
        await self.fail(failing, {"answer": 429, "count": 1}, slow)
        for status in (500, 200):
            self.assertEqual((await self.send()).status, status)
        found = await self.control("GET", "faults")
        # Two answers at once: only the first is given.
        self.assertEqual([one["struck"] for one in found["requests"]], [1, 0, 2])

    async def test_the_control_side_and_the_pages_never_fail(self):
        await self.fail({"answer": 500})
        self.assertEqual((await self.client.get("/")).status, 200)
        await self.control("PUT", "faults", status=400, json={"other": 1})
        await self.control("PUT", "faults", json={})
        await self.api("GET", EVENTS)

    async def test_paths_are_those_behind_the_domain(self):
        for path, urls in [
            ("webhooks", [f"/v3/domains/{DOMAIN}/webhooks"]),
            ("messages/", [f"/v3/domains/{DOMAIN}/messages/x"]),
            ("domains", ["/v4/domains", f"/v4/domains/{DOMAIN}"]),
            ("events", ["/eu/v3/eu.example.com/events"]),
            ("accounts", ["/v5/accounts/http_signing_key"]),
            ("bounces/x@", [f"/v3/{DOMAIN}/bounces/x@example.org"]),
        ]:
            await self.fail({"path": path, "answer": 500})
            for url in urls:
                await self.api("GET", url, status=500)


class TestEvents(SandboxCase):
    async def posted_kinds(self, **faults):
        form = [("url", str(self.odoo.make_url("/events")))]
        form += [("event_types", kind) for kind in ("accepted", "delivered")]
        await self.api("POST", f"/v4/domains/{DOMAIN}/webhooks", data=form)
        await self.control("PUT", "faults", json=faults)
        await self.send()
        await self.settle()
        bodies = [json.loads(body) for _path, _type, body in self.posted]
        return [one["event-data"]["event"] for one in bodies]

    async def test_events_are_posted_twice(self):
        kinds = await self.posted_kinds(duplicate_events=True)
        self.assertEqual(sorted(kinds), ["accepted"] * 2 + ["delivered"] * 2)
        self.assertEqual(len({body for _path, _type, body in self.posted}), 2)

    async def test_events_are_posted_newest_first(self):
        kinds = await self.posted_kinds(reverse_events=0.05)
        self.assertEqual(kinds, ["delivered", "accepted"])

    async def test_events_are_seen_late(self):
        await self.control("PUT", "faults", json={"event_lag": 60})
        await self.send()
        self.assertEqual((await self.api("GET", EVENTS))["items"], [])

    async def test_ids_are_rewritten(self):
        await self.control("PUT", "faults", json={"rewrite_ids": True})
        mime = b"Message-Id: <1@x>\r\n\r\n"
        answer = await (await self.send(mime=mime)).json()
        self.assertNotEqual(answer["id"], "<1@x>")
        self.assertEqual(self.sandbox.mails[0].raw, mime)
        event = (await self.api("GET", EVENTS))["items"][0]
        shown = event["message"]["headers"]["message-id"]
        self.assertEqual(f"<{shown}>", answer["id"])
