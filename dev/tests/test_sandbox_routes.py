"""Routes by the API, and what their expressions and actions do."""

import json

from .case import DOMAIN, SandboxCase

FORM = {
    "priority": "5",
    "description": "ours",
    "expression": f'match_recipient(".*@{DOMAIN}")',
    "action": ['forward("https://odoo.test/mime")', "stop()"],
}
WITH_FILE = (
    b"From: a@example.org\r\nSubject: Urgent: hi\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--b\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="a.pdf"\r\n\r\nPDF\r\n--b--\r\n'
)


class TestRoutes(SandboxCase):
    async def make(self, region="", **changes):
        form = {**FORM, **changes}
        pairs = [
            (name, value)
            for name, values in form.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return await self.api("POST", f"{region}/v3/routes", data=pairs)

    async def test_a_route_is_made_read_changed_and_deleted(self):
        answer = await self.make()
        route = answer["route"]
        self.assertEqual(answer["message"], "Route has been created")
        self.assertEqual((route["priority"], route["actions"]), (5, FORM["action"]))
        self.assertRegex(route["id"], "^[0-9a-f]{24}$")
        self.assertTrue(route["created_at"].endswith(" GMT"))
        path = f"/v3/routes/{route['id']}"
        self.assertEqual((await self.api("GET", path))["route"], route)
        answer = await self.api("PUT", path, data={"description": "other"})
        # Flat, unlike all others: so it was recorded.
        words = {"message": "Route has been updated"}
        self.assertEqual(answer, {**route, "description": "other", **words})
        answer = await self.api("DELETE", path)
        self.assertEqual(
            answer, {"message": "Route has been deleted", "id": route["id"]}
        )
        answer = await self.api("GET", path, status=404)
        self.assertEqual(answer, {"message": "Route not found"})

    async def test_routes_are_paged_within_their_region(self):
        for number in range(3):
            await self.make(description=str(number))
        await self.make("/eu")
        answer = await self.api("GET", "/v3/routes?skip=1&limit=1")
        self.assertEqual(answer["total_count"], 3)
        self.assertEqual([one["description"] for one in answer["items"]], ["1"])
        self.assertEqual((await self.api("GET", "/eu/v3/routes"))["total_count"], 1)
        answer = await self.api("GET", "/v3/routes?limit=1001", status=400)
        words = "The 'limit' parameter can't be larger than 1000"
        self.assertEqual(answer, {"message": words})

    async def test_the_route_of_an_address_is_found(self):
        made = (await self.make())["route"]
        path = "/v3/routes/match?address="
        self.assertEqual(
            (await self.api("GET", f"{path}x@{DOMAIN}"))["route"]["id"], made["id"]
        )
        await self.api("GET", f"{path}x@example.org", status=404)

    async def test_what_makes_no_sense_is_refused(self):
        for wrong in ({"expression": "match_all"}, {"action": "send(x)"}):
            data = {**FORM, "action": "stop()", **wrong}
            await self.api("POST", "/v3/routes", status=400, data=data)

    async def test_a_route_of_the_other_region_gets_nothing(self):
        url = str(self.odoo.make_url("/x"))
        await self.make("/eu", action=f'forward("{url}")')
        await self.inbound()
        self.assertFalse(self.posted)

    async def test_headers_and_captures_are_understood(self):
        expression = (
            f"match_recipient('(?P<who>.*)@{DOMAIN}') and "
            "match_header('subject', '.*urgent')"
        )
        self.forward(r"/to", expression)
        self.sandbox.routes[0].actions[0] = (
            self.sandbox.routes[0].actions[0].replace("/to", r"/to/\g<who>")
        )
        await self.inbound(b"Subject: Please\r\n\r\n")
        await self.inbound(b"Subject: Very urgent\r\n\r\n")
        self.assertEqual([path for path, *_rest in self.posted], ["/to/sales"])

    async def test_a_stored_mail_is_announced_without_its_files(self):
        url = str(self.odoo.make_url("/stored"))
        await self.make(action=["store()", f'store(notify="{url}")'])
        await self.inbound(WITH_FILE)
        fields = self.fields()
        self.assertEqual(fields["body-plain"], b"Hello")
        self.assertEqual(fields["domain"], DOMAIN.encode())
        self.assertNotIn("attachment-count", fields)
        (file,) = json.loads(fields["attachments"])
        message_url = fields["message-url"].decode()
        self.assertEqual(file["url"], f"{message_url}/attachments/0")
        self.assertEqual((file["name"], file["size"]), ("a.pdf", 3))
