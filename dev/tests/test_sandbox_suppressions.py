"""Suppression lists, and mail that bounces or waits."""

from urllib.parse import urlsplit

from .case import DOMAIN, SandboxCase

CUSTOMER = "customer@example.org"


def path(name, address=""):
    return f"/v3/{DOMAIN}/{name}" + (f"/{address}" if address else "")


class TestLists(SandboxCase):
    async def addresses(self, url):
        page = await self.api("GET", url)
        return page, [one["address"] for one in page["items"]]

    async def test_an_address_is_added_read_and_removed(self):
        for name, missing in [
            ("bounces", "Address not found in bounces table"),
            ("complaints", "No spam complaints found for this address"),
            ("unsubscribes", "Address not found in unsubscribers table"),
        ]:
            form = {"address": "A+b@example.org"}
            answer = await self.api("POST", path(name), data=form)
            words = f"Address has been added to the {name} table"
            self.assertEqual(answer, {"message": words, **form})
            one = path(name, "a%2Bb@example.org")
            entry = await self.api("GET", one)
            self.assertEqual(entry["address"], "A+b@example.org")
            self.assertTrue(entry["created_at"].endswith(" UTC"))
            answer = await self.api("DELETE", one)
            self.assertEqual(answer["address"], "A+b@example.org")
            for method in ("GET", "DELETE"):
                answer = await self.api(method, one, status=404)
                self.assertEqual(answer, {"message": missing})

    async def test_several_are_added_at_once(self):
        entries = [{"address": f"{n}@example.org", "code": "552"} for n in range(2)]
        answer = await self.api("POST", path("bounces"), json=entries)
        words = "2 addresses have been added to the bounces table"
        self.assertEqual(answer, {"message": words})
        entry = await self.api("GET", path("bounces", "1@example.org"))
        self.assertEqual((entry["code"], entry["error"]), ("552", ""))
        answer = await self.api("DELETE", path("bounces"))
        words = "Bounced addresses for this domain have been removed"
        self.assertEqual(answer, {"message": words})
        self.assertEqual((await self.addresses(path("bounces")))[1], [])

    async def test_wrong_entries_are_refused_all_together(self):
        good = {"address": CUSTOMER}
        for wrong in ([good, {"address": "x"}], [good, {}], good, [good] * 1001):
            await self.api("POST", path("bounces"), json=wrong, status=400)
        await self.api("POST", path("bounces"), data={}, status=400)
        self.assertEqual((await self.addresses(path("bounces")))[1], [])

    async def test_pages_lead_there_and_back(self):
        names = [f"{n}@example.org" for n in range(5)]
        entries = [{"address": name} for name in names]
        await self.api("POST", path("complaints"), json=entries)
        page, found = await self.addresses(f"{path('complaints')}?limit=2")
        self.assertEqual(found, names[:2])
        for link, expected in [
            ("next", names[2:4]),
            ("next", names[4:]),
            ("previous", names[2:4]),
            ("previous", names[:2]),
            ("last", names[3:]),
            ("next", []),
            ("next", []),
            ("first", names[:2]),
        ]:
            parts = urlsplit(page["paging"][link])
            page, found = await self.addresses(f"{parts.path}?{parts.query}")
            self.assertEqual(found, expected)

    async def test_a_page_can_be_searched(self):
        entries = [{"address": name} for name in ("a@x.org", "ab@x.org", "b@x.org")]
        await self.api("POST", path("bounces"), json=entries)
        _page, found = await self.addresses(f"{path('bounces')}?term=A")
        self.assertEqual(found, ["a@x.org", "ab@x.org"])
        await self.api("GET", f"{path('bounces')}?limit=1001", status=400)

    async def test_the_allowlist_takes_addresses_and_domains(self):
        for kind, value in [("address", CUSTOMER), ("domain", "example.org")]:
            form = {kind: value, "reason": "known"}
            answer = await self.api("POST", path("whitelists"), data=form)
            self.assertEqual((answer["type"], answer["value"]), (kind, value))
            entry = await self.api("GET", path("whitelists", value))
            self.assertEqual((entry["type"], entry["reason"]), (kind, "known"))
        answer = await self.api("DELETE", path("whitelists", CUSTOMER))
        self.assertEqual(answer["value"], CUSTOMER)
        items = (await self.api("GET", path("whitelists")))["items"]
        self.assertEqual([one["value"] for one in items], ["example.org"])
        await self.api("POST", path("whitelists"), data={}, status=400)


class TestDelivery(SandboxCase):
    async def events(self):
        return (await self.api("GET", f"/v3/{DOMAIN}/events"))["items"]

    async def answers_with(self, answer):
        wish = {"answer": answer}
        await self.control("PUT", f"mailboxes/{CUSTOMER}", json=wish)

    async def test_nothing_is_delivered_to_who_is_on_a_list(self):
        for name, reason, code in [
            ("bounces", "suppress-bounce", 605),
            ("unsubscribes", "suppress-unsubscribe", 606),
            ("complaints", "suppress-complaint", 607),
        ]:
            form = {"address": CUSTOMER.upper()}
            await self.api("POST", path(name), data=form)
            await self.send()
            failed = (await self.events())[0]
            self.assertEqual((failed["event"], failed["reason"]), ("failed", reason))
            self.assertEqual(failed["delivery-status"]["code"], code)
            self.assertEqual(self.sandbox.mailboxes(), {})
            await self.api("DELETE", path(name))

    async def test_some_want_no_mail_with_a_tag(self):
        form = {"address": CUSTOMER, "tag": "news"}
        await self.api("POST", path("unsubscribes"), data=form)
        await self.send(o_tag="news")
        await self.send(o_tag="invoice")
        kinds = [one["event"] for one in await self.events()]
        self.assertEqual(kinds, ["delivered", "accepted", "failed", "accepted"])

    async def test_a_bounce_puts_the_address_on_the_list(self):
        await self.answers_with("bounced")
        for reason in ("bounce", "suppress-bounce"):
            await self.send()
            failed = (await self.events())[0]
            self.assertEqual(
                (failed["severity"], failed["reason"]), ("permanent", reason)
            )
        entry = await self.api("GET", path("bounces", CUSTOMER))
        self.assertEqual(entry["code"], "550")

    async def test_the_allowlist_keeps_it_off(self):
        for form in ({"address": CUSTOMER}, {"domain": "example.org"}):
            await self.api("POST", path("whitelists"), data=form)
            await self.answers_with("bounced")
            await self.send()
            self.assertEqual((await self.events())[0]["reason"], "bounce")
            await self.api("GET", path("bounces", CUSTOMER), status=404)
            await self.api("DELETE", path("whitelists"))

    async def test_who_unsubscribes_or_complains_is_on_the_list(self):
        await self.send()
        for kind, name in [
            ("unsubscribed", "unsubscribes"),
            ("complained", "complaints"),
        ]:
            number = self.sandbox.mails[0].id
            await self.control("POST", f"mails/{number}/events", json={"event": kind})
            await self.api("GET", path(name, CUSTOMER))

    async def test_what_has_to_wait_arrives_or_gets_too_old(self):
        # The mailbox answers otherwise before the first of these is over.
        self.sandbox.retry_schedule = (0.2, 0.01)
        for answer, expected in [
            ("taken", ["delivered", "failed", "accepted"]),
            ("bounced", ["failed", "failed", "accepted"]),
            ("deferred", ["failed", "failed", "failed", "accepted"]),
        ]:
            self.sandbox.reset()
            await self.api("DELETE", path("bounces"))
            await self.answers_with("deferred")
            await self.send()
            self.assertEqual(self.sandbox.mailboxes(), {})
            await self.answers_with(answer)
            number = len(expected)
            await self.until(lambda n=number: len(self.sandbox.events) == n)
            events = await self.events()
            self.assertEqual([one["event"] for one in events], expected)
            self.assertEqual(events[1]["severity"], "temporary")
            self.assertEqual(bool(self.sandbox.mailboxes()), answer == "taken")
        self.assertEqual(events[0]["delivery-status"]["code"], 602)
