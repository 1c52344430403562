"""The sandbox, over HTTP, against what Mailgun documents."""

import hashlib
import hmac
import json

from .case import DOMAIN, MIME, SandboxCase, authorization


class TestMessages(SandboxCase):
    async def test_a_message_is_kept_byte_for_byte(self):
        mime = MIME + bytes(range(256))
        answer = await (await self.send(mime=mime)).json()
        self.assertEqual(answer["message"], "Queued. Thank you.")
        (mail,) = self.sandbox.mails
        self.assertEqual((mail.raw, mail.message_id), (mime, answer["id"]))

    async def test_only_the_envelope_says_who_gets_it(self):
        await self.send(to="Boss <boss@example.org>, b@example.org, boss@example.org")
        recipients = self.sandbox.mails[0].recipients
        self.assertEqual(recipients, ["boss@example.org", "b@example.org"])

    async def test_a_well_formed_message_id_is_kept(self):
        answer = await self.send(mime=b"Message-Id: <1@x>\r\n\r\n")
        self.assertEqual((await answer.json())["id"], "<1@x>")

    async def test_nothing_is_ever_deduplicated(self):
        for _time in range(2):
            await self.send(mime=b"Message-Id: <1@x>\r\n\r\n")
        self.assertEqual(len(self.sandbox.mails), 2)

    async def test_wrong_calls_get_mailguns_answers(self):
        for status, words, call in [
            (401, "Forbidden", {"key": "wrong"}),
            (401, "Forbidden", {"domain": "other.com"}),
            (401, "Forbidden", {"region": "/eu"}),
            (401, "Forbidden", {"domain": "eu.example.com"}),
            (400, "message parameter is missing", {"mime": None}),
            (400, "not a valid address", {"to": "nobody"}),
            (400, "to parameter is missing", {"to": ""}),
            (400, "max is 1000", {"to": ",".join(f"{n}@x.org" for n in range(1001))}),
            (400, "limited to 16 kB", {"v_x": "x" * 16384}),
            (413, "Too Large", {"mime": b"x" * (26 * 1024 * 1024)}),
        ]:
            with self.subTest(words=words):
                answer = await self.send(**call)
                self.assertEqual(answer.status, status)
                self.assertIn(words, await answer.text())
        self.assertFalse(self.sandbox.mails)

    async def test_a_field_can_be_the_message_when_it_is_text(self):
        for mime, status in ((MIME, 200), (b"caf\xe9", 400)):
            boundary = b"--b\r\nContent-Disposition: form-data; name="
            body = boundary + b'"to"\r\n\r\na@example.org\r\n'
            body += boundary + b'"message"\r\n\r\n' + mime + b"\r\n--b--\r\n"
            answer = await self.client.post(
                f"/v3/{DOMAIN}/messages.mime",
                data=body,
                headers={
                    **authorization("api"),
                    "Content-Type": "multipart/form-data; boundary=b",
                },
            )
            self.assertEqual(answer.status, status)
        self.assertIn("is not a file", await answer.text())

    async def test_nobody_gets_a_message_in_test_mode(self):
        await self.send(o_testmode="yes")
        self.assertEqual(self.sandbox.mailboxes(), {})
        path = "/sandbox/mails?mailbox=customer@example.org"
        self.assertEqual(await (await self.client.get(path)).json(), {"mails": []})

    async def test_the_other_region_is_another_address(self):
        answer = await self.send(domain="eu.example.com", region="/eu")
        self.assertEqual(answer.status, 200)

    async def test_an_unverified_domain_may_not_send(self):
        self.sandbox.domains[DOMAIN].state = "unverified"
        answer = await self.send()
        self.assertEqual(answer.status, 400)
        self.assertIn("is not allowed to send", await answer.text())

    async def test_a_disabled_domain_may_not_send_whatever_its_state_is(self):
        await self.control("POST", f"domains/{DOMAIN}", json={"disabled": "spam"})
        answer = await self.send()
        self.assertEqual(answer.status, 403)
        shown = await self.api("GET", f"/v4/domains/{DOMAIN}")
        self.assertEqual(shown["domain"]["state"], "active")
        self.assertTrue(shown["domain"]["is_disabled"])
        self.assertEqual(shown["domain"]["disabled"]["reason"], "spam")

    async def test_a_domain_to_try_things_with_sends_to_whom_it_knows(self):
        wish = {"authorized": ["customer@example.org"]}
        await self.control("POST", f"domains/{DOMAIN}", json=wish)
        self.assertEqual((await self.send()).status, 200)
        self.assertEqual((await self.send(to="other@example.org")).status, 403)

    async def test_a_sending_key_may_send_and_nothing_else(self):
        self.assertEqual((await self.send(key="sending")).status, 200)
        headers = authorization("sending")
        answer = await self.client.get(f"/v4/domains/{DOMAIN}", headers=headers)
        self.assertEqual(answer.status, 401)

    async def test_connections_are_counted(self):
        for _time in range(3):
            await self.send()
        state = await (await self.client.get("/sandbox/state")).json()
        self.assertEqual((state["connections"], state["requests"]), (1, 4))


class TestInbound(SandboxCase):
    async def test_a_url_that_ends_in_mime_gets_the_bytes(self):
        self.forward("/inbound/mime")
        mime = b"Subject: caf\xe9\r\n\n" + bytes(range(256))
        await self.inbound(mime)
        self.assertEqual(self.posted[0][1], "application/x-www-form-urlencoded")
        self.assertEqual(self.fields()["body-mime"], mime)
        self.assertNotIn("body-plain", self.fields())

    async def test_another_url_gets_the_parsed_form(self):
        self.forward("/inbound")
        await self.inbound(b"Subject: Hi\r\nX-odd-NAME: 1\r\n\r\nHello\r\n> quoted\r\n")
        fields = self.fields()
        self.assertEqual(fields["recipient"], f"sales@{DOMAIN}".encode())
        self.assertEqual(fields["X-Odd-Name"], b"1")
        self.assertEqual(fields["stripped-text"], b"Hello")
        self.assertIn(["Subject", "Hi"], json.loads(fields["message-headers"]))

    async def test_several_texts_of_a_kind_are_strung_together(self):
        self.forward("/inbound")
        part = b"--b\r\nContent-Type: text/html\r\n\r\n<html>%d</html>\r\n"
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        await self.inbound(head + part % 1 + part % 2 + b"--b--\r\n")
        self.assertEqual(self.fields()["body-html"], b"<html>1</html><html>2</html>")

    async def test_attachments_make_the_form_multipart(self):
        self.forward("/inbound")
        letter = {
            "sender": "Newcomer <a@example.org>",
            "recipient": f"sales@{DOMAIN}",
            "subject": "Hi",
            "text": "Hello",
            "attachments": [{"filename": "a.bin", "content": "AP8K"}],
        }
        await self.client.post("/sandbox/inbound", json=letter)
        await self.settle()
        self.assertEqual(self.posted[0][1], "multipart/form-data")
        self.assertIn(b'name="attachment-1"; filename="a.bin"', self.posted[0][2])
        self.assertIn(b"\r\n\r\n\x00\xff\n\r\n", self.posted[0][2])

    async def test_the_signature_is_mailguns(self):
        self.forward("/inbound/mime")
        await self.inbound()
        fields = self.fields()
        message = fields["timestamp"] + fields["token"]
        expected = hmac.new(b"signing", message, hashlib.sha256).hexdigest()
        self.assertEqual(fields["signature"].decode(), expected)
        self.assertEqual(len(fields["token"]), 50)

    async def test_each_recipient_gets_a_post(self):
        self.forward("/inbound/mime")
        letter = {
            "sender": "a@example.org",
            "recipient": f"sales@{DOMAIN}, out@example.org",
            "cc": f"help@{DOMAIN}",
        }
        await self.client.post("/sandbox/inbound", json=letter)
        await self.settle()
        recipients = [post.recipient for post in self.sandbox.posts]
        self.assertEqual(recipients, [f"sales@{DOMAIN}", f"help@{DOMAIN}"])

    async def test_every_route_fires_until_one_stops(self):
        self.forward("/one")
        self.forward("/two", "catch_all()", "stop()")
        self.forward("/three")
        self.forward("/none", 'match_recipient("other@.*")')
        await self.inbound()
        self.assertEqual({path for path, *_rest in self.posted}, {"/one", "/two"})

    async def test_what_is_not_taken_comes_again_with_the_same_signature(self):
        self.forward("/inbound/mime")
        self.answers += [500, 401]
        await self.inbound()
        self.assertEqual(len({body for _path, _type, body in self.posted}), 1)
        (post,) = self.sandbox.posts
        statuses = [attempt.status for attempt in post.attempts]
        self.assertEqual((statuses, post.outcome), ([500, 401, 200], "taken"))

    async def test_what_is_refused_with_406_does_not_come_again(self):
        self.forward("/inbound/mime")
        self.answers += [406]
        await self.inbound()
        self.assertEqual(self.sandbox.posts[0].outcome, "refused")
        self.assertEqual(len(self.posted), 1)

    async def test_after_the_last_try_it_is_given_up(self):
        self.forward("/inbound/mime")
        self.answers += [500] * 3
        await self.inbound()
        self.assertEqual(self.sandbox.posts[0].outcome, "given up")

    async def test_mail_from_one_address_here_to_another_comes_in(self):
        self.forward("/inbound/mime")
        await self.send(to=f"customer@example.org, sales@{DOMAIN}")
        await self.settle()
        self.assertEqual(self.fields()["recipient"], f"sales@{DOMAIN}".encode())


class TestWorld(SandboxCase):
    async def test_a_mailbox_shows_its_mail_and_a_reply_comes_in(self):
        self.forward("/inbound/mime")
        await self.send(
            mime=b"From: Sales <sales@mail.example.com>\r\nSubject: Offer\r\n"
            b"Message-Id: <1@x>\r\nReply-To: catchall@mail.example.com\r\n\r\nHi\r\n"
        )
        page = await (await self.client.get("/")).text()
        self.assertIn("customer@example.org", page)
        (mail,) = self.sandbox.mails
        page = await (await self.client.get(f"/mails/{mail.id}")).text()
        self.assertIn("Send the reply", page)
        form = {"from": "customer@example.org", "text": "Thanks"}
        await self.client.post(f"/mails/{mail.id}/reply", data=form)
        await self.settle()
        raw = self.fields()["body-mime"].decode()
        self.assertIn("In-Reply-To: <1@x>", raw)
        self.assertIn("Subject: Re: Offer", raw)
        self.assertIn("To: catchall@mail.example.com", raw)
        self.assertIn("> Hi", raw)

    async def test_html_of_a_mail_cannot_act_on_the_page(self):
        html = b"Content-Type: text/html\r\nSubject: <b>x\r\n\r\n<script>1</script>"
        await self.send(mime=html)
        page = await (
            await self.client.get(f"/mails/{self.sandbox.mails[0].id}")
        ).text()
        self.assertNotIn("<script>", page)
        self.assertNotIn("<b>x", page)
        self.assertIn("iframe sandbox", page)

    async def test_a_post_can_be_repeated(self):
        self.forward("/inbound/mime")
        await self.inbound()
        url = f"/sandbox/posts/{self.sandbox.posts[0].id}/repeat"
        answer = await self.client.post(url)
        self.assertEqual((await answer.json())["outcome"], "waiting")
        await self.until(lambda: len(self.posted) == 2)
        self.assertEqual(self.posted[0], self.posted[1])
