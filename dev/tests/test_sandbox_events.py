"""Events: what is written down, how it is read, and to whom it is posted."""

import email.utils
import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

from .case import DOMAIN, SandboxCase

EVENTS = f"/v3/{DOMAIN}/events"


def path(page, name):
    """The address of another page, for a client that knows the host."""
    return urlsplit(page["paging"][name]).path


class TestEvents(SandboxCase):
    async def events(self, **query):
        return (await self.api("GET", EVENTS, params=query))["items"]

    async def kinds(self, **query):
        return [one["event"] for one in await self.events(**query)]

    async def test_a_message_is_accepted_and_delivered(self):
        answer = await (await self.send(v_odoo="7", o_tag="x")).json()
        delivered, accepted = await self.events()
        self.assertEqual(
            (accepted["event"], delivered["event"]), ("accepted", "delivered")
        )
        self.assertEqual(
            accepted["message"]["headers"]["message-id"], answer["id"].strip("<>")
        )
        self.assertEqual(accepted["user-variables"], {"odoo": "7"})
        self.assertEqual(accepted["tags"], ["x"])
        self.assertEqual(delivered["delivery-status"]["code"], 250)
        self.assertNotEqual(accepted["id"], delivered["id"])

    async def test_mail_from_outside_is_accepted_for_the_routes_url(self):
        self.forward("/inbound/mime")
        self.sandbox.routes[0].actions.append("store()")
        await self.inbound()
        events = {one["event"]: one for one in await self.events()}
        self.assertEqual(set(events), {"stored", "accepted", "delivered"})
        target = str(self.odoo.make_url("/inbound/mime"))
        self.assertEqual(events["accepted"]["recipient"], target)
        self.assertTrue(events["accepted"]["flags"]["is-routed"])
        (route,) = events["accepted"]["routes"]
        self.assertEqual(route["match"], {"recipient": f"sales@{DOMAIN}"})
        recipients = events["stored"]["message"]["recipients"]
        self.assertEqual(recipients, [f"sales@{DOMAIN}"])

    async def test_each_post_of_a_route_that_is_not_taken_is_an_event(self):
        self.forward("/inbound/mime")
        self.answers = [404]
        await self.inbound()
        failed, *_others = await self.events(event="failed")
        self.assertEqual(failed["recipient"], str(self.odoo.make_url("/inbound/mime")))
        self.assertEqual(failed["severity"], "temporary")
        self.assertEqual(failed["delivery-status"]["code"], 404)

    async def test_filters_choose(self):
        await self.send(to="a@example.org, b@example.org")
        await self.send(mime=b"Message-Id: <1@x>\r\nSubject: Offer 7\r\n\r\n")
        for query, number in [
            ({"event": "accepted"}, 3),
            ({"event": "accepted OR delivered"}, 6),
            ({"event": "NOT accepted"}, 3),
            ({"message-id": "1@x"}, 2),
            ({"message-id": "<1@x>"}, 0),
            ({"recipient": "a@example.org", "event": "delivered"}, 1),
            ({"severity": "permanent"}, 0),
            ({"subject": "offer"}, 2),
        ]:
            with self.subTest(query=query):
                self.assertEqual(len(await self.events(**query)), number)

    async def test_a_range_has_a_direction(self):
        start = time.time()
        await self.send()
        forward, backward = ["accepted", "delivered"], ["delivered", "accepted"]
        date = email.utils.formatdate(start - 60)
        later = str(time.time() + 60)
        for query, expected in [
            ({}, backward),
            ({"begin": date}, forward),
            ({"begin": date, "ascending": "no"}, []),
            ({"begin": str(start), "end": later}, forward),
            ({"begin": later, "end": str(start)}, backward),
            ({"begin": later, "ascending": "yes"}, []),
            ({"end": date}, []),
        ]:
            with self.subTest(query=query):
                self.assertEqual(await self.kinds(**query), expected)
        for wrong in ({"begin": "soon"}, {"limit": "301"}):
            await self.api("GET", EVENTS, params=wrong, status=400)

    async def test_pages_follow_each_other_to_an_empty_one(self):
        await self.send(to="a@example.org, b@example.org")
        query = {"begin": "1", "limit": "3"}
        page = await self.api("GET", EVENTS, params=query)
        lengths = []
        for _time in range(3):
            lengths.append(len(page["items"]))
            last = page
            page = await self.api("GET", path(page, "next"))
        self.assertEqual(lengths, [3, 1, 0])
        await self.send()
        page = await self.api("GET", path(last, "next"))
        self.assertEqual(len(page["items"]), 2)
        page = await self.api("GET", path(page, "previous"))
        self.assertEqual(len(page["items"]), 3)
        await self.api("GET", f"{EVENTS}/nonsense", status=400)

    async def test_an_event_is_seen_after_a_while(self):
        self.sandbox.faults.event_lag = 60
        await self.send()
        self.assertEqual(await self.kinds(), [])
        answer = await self.control("GET", "events")
        self.assertEqual(len(answer["events"]), 2)

    async def test_people_react(self):
        await self.send()
        (mail,) = self.sandbox.mails
        for kind in ("opened", "clicked", "unsubscribed", "complained"):
            wish = {"event": kind}
            await self.control("POST", f"mails/{mail.id}/events", json=wish)
        form = {"event": "opened", "recipient": "customer@example.org"}
        answer = await self.client.post(f"/mails/{mail.id}/events", data=form)
        self.assertIn("opened", await answer.text())
        events = await self.events(event="opened OR clicked OR unsubscribed")
        self.assertEqual(len(events), 4)
        self.assertEqual(events[0]["recipient"], "customer@example.org")
        self.assertEqual(events[1]["storage"], [])


class TestPostedEvents(SandboxCase):
    async def subscribe(self, *kinds):
        form = [("url", str(self.odoo.make_url("/events")))]
        form += [("event_types", kind) for kind in kinds]
        await self.api("POST", f"/v4/domains/{DOMAIN}/webhooks", data=form)

    async def test_a_signed_post_goes_to_the_webhook(self):
        await self.subscribe("delivered")
        await self.send()
        await self.settle()
        ((path, kind, body),) = self.posted
        self.assertEqual((path, kind), ("/events", "application/json"))
        data = json.loads(body)
        signature = data["signature"]
        message = (signature["timestamp"] + signature["token"]).encode()
        expected = hmac.new(b"signing", message, hashlib.sha256).hexdigest()
        self.assertEqual(signature["signature"], expected)
        self.assertEqual(data["event-data"]["event"], "delivered")
        (event,) = (await self.api("GET", f"{EVENTS}?event=delivered"))["items"]
        self.assertEqual(data["event-data"], event)

    async def test_the_accounts_webhook_gets_it_too(self):
        url = str(self.odoo.make_url("/account"))
        form = {"url": url, "event_types": "accepted"}
        await self.api("POST", "/v1/webhooks", data=form)
        await self.subscribe("accepted")
        await self.send()
        await self.settle()
        self.assertEqual(
            {path for path, *_rest in self.posted}, {"/events", "/account"}
        )

    async def test_what_is_not_taken_comes_again(self):
        await self.subscribe("delivered")
        self.answers += [500]
        await self.send()
        await self.settle()
        self.assertEqual(len(self.posted), 2)
        self.assertEqual(self.posted[0], self.posted[1])
