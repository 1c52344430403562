"""Stored messages: read, resent, deleted, gone."""

from urllib.parse import urlsplit

from .case import DOMAIN, MIME, SandboxCase, authorization

INLINE = (
    b"From: Sales <sales@mail.example.com>\r\nTo: customer@example.org\r\n"
    b"Subject: Offer\r\nX-Twice: 1\r\nX-Twice: 2\r\nMessage-Id: <1@x>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n'
    b'--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">\r\n'
    b"--b\r\nContent-Type: image/png\r\nContent-Id: <logo>\r\n"
    b'Content-Disposition: inline; filename="logo.png"\r\n\r\nPNG\xff\r\n--b--\r\n'
)
RAW = {"Accept": "message/rfc2822"}


class TestStored(SandboxCase):
    async def stored(self):
        """The path that events give."""
        page = await self.api("GET", f"/v3/{DOMAIN}/events?event=accepted OR stored")
        return urlsplit(page["items"][0]["storage"]["url"]).path

    async def test_the_address_in_an_event_leads_to_the_parts(self):
        await self.send(mime=INLINE, to="a@example.org, b@example.org")
        path = await self.stored()
        message = await self.api("GET", path)
        self.assertEqual(message["recipients"], "a@example.org, b@example.org")
        self.assertEqual(message["subject"], "Offer")
        self.assertEqual(message["X-Twice"], "2")
        self.assertIn(["X-Twice", "1"], message["message-headers"])
        self.assertIn("cid:logo", message["body-html"])
        (file,) = message["attachments"]
        self.assertEqual(message["content-id-map"], {"<logo>": file})
        self.assertEqual(urlsplit(file["url"]).path, f"{path}/attachments/0")
        for name in ("recipient", "attachment-count", "X-Mailgun-Incoming"):
            self.assertNotIn(name, message)

    async def test_a_file_is_read_below_it(self):
        await self.send(mime=INLINE)
        path = f"{await self.stored()}/attachments"
        headers = authorization("api")
        answer = await self.client.get(f"{path}/0", headers=headers)
        self.assertEqual(await answer.read(), b"PNG\xff")
        self.assertEqual(answer.content_type, "image/png")
        await self.api("GET", f"{path}/1", status=404)
        await self.api("GET", f"{path}/0", key="sending", status=401)

    async def test_raw_mime_comes_in_json(self):
        await self.send()
        message = await self.api("GET", await self.stored(), headers=RAW)
        self.assertEqual(message["body-mime"], MIME.decode())
        expected = {"recipients", "sender", "from", "subject", "body-mime"}
        self.assertEqual(set(message), expected)

    async def test_mail_that_a_route_stores_is_read_where_its_post_says(self):
        url = str(self.odoo.make_url("/stored"))
        self.forward("/inbound/mime")
        self.sandbox.routes[0].actions[0] = f'store(notify="{url}")'
        await self.inbound(INLINE)
        path = urlsplit(self.fields()["message-url"].decode()).path
        self.assertEqual(path, await self.stored())
        message = await self.api("GET", path)
        self.assertEqual(message["recipients"], f"sales@{DOMAIN}")
        self.assertEqual(message["sender"], "a@example.org")
        self.assertEqual(message["X-Mailgun-Incoming"], "Yes")

    async def test_a_message_is_sent_again_to_somebody_else(self):
        await self.send(mime=INLINE)
        form = {"to": "other@example.org"}
        answer = await self.api("POST", await self.stored(), data=form)
        self.assertEqual(answer, {"id": "<1@x>", "message": "Queued. Thank you."})
        first, again = self.sandbox.mails
        self.assertEqual(again.recipients, ["other@example.org"])
        self.assertEqual(again.raw, first.raw)

    async def test_what_is_deleted_is_gone(self):
        await self.send()
        path = await self.stored()
        await self.api("DELETE", path)
        answer = await self.api("GET", path, status=404)
        self.assertEqual(answer, {"message": "Message not found"})

    async def test_it_is_kept_for_a_time_only(self):
        await self.send()
        path = await self.stored()
        await self.control("PUT", "settings", json={"message_ttl": 0})
        for method in ("GET", "POST", "DELETE"):
            await self.api(method, path, status=404)
        await self.control("PUT", "settings", json={"message_ttl": 60})
        await self.api("GET", path)

    async def test_it_belongs_to_one_domain_and_region(self):
        await self.send()
        path = await self.stored()
        await self.api("GET", f"/eu{path}", status=404)
        await self.send(domain="eu.example.com", region="/eu")
        mail = self.sandbox.mails[1]
        path = f"/eu/v3/domains/eu.example.com/messages/{mail.key}"
        self.assertTrue(self.sandbox.message_url(mail).endswith(path))
        await self.api("GET", path)
