"""What the tests of the sandbox share."""

import asyncio
import base64
import io
import json
import unittest
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from mailgun_sandbox.app import make_app
from mailgun_sandbox.memory.keys import Keys
from mailgun_sandbox.memory.state import Domain, Route, Sandbox

DOMAIN = "mail.example.com"
MIME = b"From: sales@mail.example.com\r\nTo: customer@example.org\r\n\r\nHello\r\n"


def authorization(key):
    """The header of HTTP basic authentication with an API key."""
    credentials = base64.b64encode(f"api:{key}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


class SandboxCase(unittest.IsolatedAsyncioTestCase):
    """A sandbox, and an Odoo that answers what ``answers`` says."""

    async def asyncSetUp(self):
        self.posted, self.answers = [], []
        odoo = web.Application(client_max_size=100 * 1024 * 1024)
        odoo.router.add_post("/{path:.*}", self.take)
        self.odoo = TestServer(odoo)
        await self.odoo.start_server()
        self.sandbox = Sandbox(
            Keys("api", "sending", "signing"),
            {DOMAIN: Domain(DOMAIN), "eu.example.com": Domain("eu.example.com", "eu")},
            retry_schedule=(0.01, 0.01),
            event_schedule=(0.01, 0.01),
        )
        self.client = TestClient(TestServer(make_app(self.sandbox)))
        await self.client.start_server()
        self.addAsyncCleanup(self.odoo.close)
        self.addAsyncCleanup(self.client.close)

    async def take(self, request):
        self.posted.append((request.path, request.content_type, await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, text="an answer")

    def forward(self, path, expression=f'match_recipient(".*@{DOMAIN}")', *more):
        url = str(self.odoo.make_url(path))
        self.sandbox.routes.append(Route(expression, [f'forward("{url}")', *more]))

    async def send(self, key="api", domain=DOMAIN, region="", mime=MIME, **fields):
        form = aiohttp.FormData()
        for name, value in {"to": "customer@example.org", **fields}.items():
            form.add_field(name.replace("_", ":"), value)
        if mime is not None:
            form.add_field("message", io.BytesIO(mime), filename="message.mime")
        return await self.client.post(
            f"{region}/v3/{domain}/messages.mime",
            data=form,
            headers=authorization(key),
        )

    async def inbound(self, mime=MIME, **query):
        query = {"recipient": f"sales@{DOMAIN}", "sender": "a@example.org", **query}
        await self.client.post("/sandbox/inbound", params=query, data=io.BytesIO(mime))
        await self.settle()

    async def settle(self):
        """Wait until every post is taken, refused or given up."""
        await self.until(
            lambda: all(
                post.next_at is None and post.attempts for post in self.sandbox.posts
            )
        )

    async def until(self, holds):
        """Wait until something holds, two seconds at most."""
        for _round in range(200):
            if holds():
                return
            await asyncio.sleep(0.01)

    def fields(self, number=0):
        """The fields of an urlencoded post as bytes."""
        body = self.posted[number][2]
        pairs = parse_qsl(body.decode(), keep_blank_values=True, encoding="latin-1")
        return {name: value.encode("latin-1") for name, value in pairs}

    async def api(self, method, path, key="api", status=200, headers=None, **options):
        """Call the API; return the answer's JSON, or its text if it is none."""
        headers = {**authorization(key), **(headers or {})}
        async with self.client.request(
            method, path, headers=headers, **options
        ) as answer:
            text = await answer.text()
            self.assertEqual(answer.status, status, text)
            return json.loads(text) if answer.content_type.endswith("json") else text

    async def control(self, method, path, status=200, **options):
        """Call the control side."""
        return await self.api(method, f"/sandbox/{path}", status=status, **options)
