"""Webhooks by the API: of a domain, old way and new, and of the account."""

from .case import DOMAIN, SandboxCase

URL = "https://odoo.test/mailgun/events"
V3, V4 = f"/v3/domains/{DOMAIN}/webhooks", f"/v4/domains/{DOMAIN}/webhooks"


class TestDomainWebhooks(SandboxCase):
    async def test_a_type_gets_urls_and_loses_them(self):
        answer = await self.api("POST", V3, data={"id": "delivered", "url": URL})
        expected = {"message": "Webhook has been created", "webhook": {"urls": [URL]}}
        self.assertEqual(answer, expected)
        answer = await self.api("GET", V3)
        self.assertEqual(answer, {"webhooks": {"delivered": {"urls": [URL]}}})
        path = f"{V3}/delivered"
        answer = await self.api("PUT", path, data=[("url", URL), ("url", f"{URL}2")])
        self.assertEqual(answer["webhook"]["urls"], [URL, f"{URL}2"])
        answer = await self.api("DELETE", path)
        self.assertEqual(answer["message"], "Webhook has been deleted")
        await self.api("GET", path, status=404)

    async def test_one_url_gets_several_types(self):
        form = [("url", URL), ("event_types", "opened"), ("event_types", "delivered")]
        answer = await self.api("POST", V4, data=form)
        self.assertEqual(set(answer["webhooks"]), {"opened", "delivered"})
        answer = await self.api("POST", V4, data=form, status=400)
        words = f"Webhook for event type 'opened' with URL '{URL}' already exists"
        self.assertEqual(answer, {"Reason": words})
        answer = await self.api(
            "PUT", V4, data={"url": URL, "event_types": "permanent_fail"}
        )
        self.assertEqual(answer, {"webhooks": {"permanent_fail": {"urls": [URL]}}})
        answer = await self.api("DELETE", V4, params={"url": URL})
        self.assertEqual(answer, {"webhooks": {}})
        answer = await self.api("DELETE", V4, params={"url": URL}, status=404)
        self.assertEqual(answer, {"Description": "Webhook not found"})

    async def test_a_type_has_room_for_three_urls(self):
        for number in range(3):
            form = {"url": f"{URL}{number}", "event_types": "delivered"}
            await self.api("POST", V4, data=form)
        form = [("url", URL), ("event_types", "opened"), ("event_types", "delivered")]
        answer = await self.api("POST", V4, data=form, status=409)
        words = "unable to add more than 3 urls for event type delivered"
        self.assertEqual(answer, {"Description": words})
        self.assertEqual(set((await self.api("GET", V3))["webhooks"]), {"delivered"})

    async def test_a_url_without_a_host_is_refused(self):
        form = {"id": "delivered", "url": "odoo.test"}
        answer = await self.api("POST", V3, data=form, status=400)
        words = "odoo.test is not a valid url: host not found"
        self.assertEqual(answer, {"Reason": words})

    async def test_a_sending_key_sees_none(self):
        answer = await self.api("GET", V3, key="sending", status=401)
        self.assertEqual(answer, {"message": "Invalid private key"})


class TestAccountWebhooks(SandboxCase):
    async def make(self, number="", status=200):
        form = {"url": f"{URL}{number}", "event_types": "delivered", "description": "x"}
        return await self.api("POST", "/v1/webhooks", data=form, status=status)

    async def test_a_webhook_is_made_read_changed_and_deleted(self):
        number = (await self.make())["webhook_id"]
        path = f"/v1/webhooks/{number}"
        await self.api("PUT", path, data={"event_types": "opened"}, status=204)
        webhook = await self.api("GET", path)
        self.assertEqual(webhook["event_types"], ["opened"])
        self.assertEqual((await self.api("GET", "/v1/webhooks"))["webhooks"], [webhook])
        self.assertEqual((await self.api("GET", "/eu/v1/webhooks"))["webhooks"], [])
        await self.api("DELETE", path, status=204)
        answer = await self.api("GET", path, status=404)
        self.assertEqual(answer, {"Description": "Webhook not found"})

    async def test_a_type_has_room_for_three_urls(self):
        for number in range(3):
            await self.make(number)
        answer = await self.make(3, status=409)
        self.assertIn("unable to add more than 3 urls", answer["Description"])
