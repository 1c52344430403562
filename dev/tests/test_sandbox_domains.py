"""Domains, DNS records and the signing key."""

from mailgun_sandbox.memory.state import Domain

from .case import DOMAIN, SandboxCase


class TestDomains(SandboxCase):
    async def test_the_list_has_only_the_domains_of_the_region(self):
        for region, name in [("", DOMAIN), ("/eu", "eu.example.com")]:
            answer = await self.api("GET", f"{region}/v4/domains")
            self.assertEqual(answer["total_count"], 1)
            self.assertEqual([one["name"] for one in answer["items"]], [name])

    async def test_the_list_is_searched_and_paged(self):
        for number in range(3):
            name = f"d{number}.example.com"
            self.sandbox.domains[name] = Domain(name, state="unverified")
        for query, total, names in [
            ("state=active", 1, [DOMAIN]),
            ("search=D1.", 1, ["d1.example.com"]),
            ("skip=1&limit=2", 4, ["d0.example.com", "d1.example.com"]),
        ]:
            answer = await self.api("GET", f"/v4/domains?{query}")
            found = [one["name"] for one in answer["items"]]
            self.assertEqual((answer["total_count"], found), (total, names))
        await self.api("GET", "/v4/domains?limit=1001", status=400)

    async def test_hosts_of_the_records_differ_between_the_regions(self):
        for path, host in [
            (f"/v4/domains/{DOMAIN}", "mxa.mailgun.org"),
            ("/eu/v4/domains/eu.example.com", "mxa.eu.mailgun.org"),
        ]:
            answer = await self.api("GET", path)
            self.assertEqual(answer["receiving_dns_records"][0]["value"], host)
            kinds = [one["record_type"] for one in answer["sending_dns_records"]]
            self.assertEqual(kinds, ["TXT", "TXT", "CNAME"])

    async def test_a_setting_is_changed_and_stays(self):
        form = {"spam_action": "tag", "require_tls": "true"}
        await self.api("PUT", f"/v4/domains/{DOMAIN}", data=form)
        domain = (await self.api("GET", f"/v4/domains/{DOMAIN}"))["domain"]
        self.assertEqual((domain["spam_action"], domain["require_tls"]), ("tag", True))
        form = {"spam_action": "other"}
        await self.api("PUT", f"/v4/domains/{DOMAIN}", status=400, data=form)

    async def test_the_state_follows_the_records_on_verify(self):
        path = f"domains/{DOMAIN}/dns"
        await self.control("POST", path, json={"valid": False, "record": 2})
        answer = await self.api("GET", f"/v4/domains/{DOMAIN}")
        self.assertEqual(answer["sending_dns_records"][0]["valid"], "invalid")
        self.assertEqual(answer["domain"]["state"], "active")
        answer = await self.api("PUT", f"/v4/domains/{DOMAIN}/verify")
        self.assertEqual(answer["domain"]["state"], "unverified")
        await self.control("POST", path, json={"valid": True})
        answer = await self.api("PUT", f"/v3/domains/{DOMAIN}/verify")
        self.assertEqual(answer["domain"]["state"], "active")

    async def test_tracking_is_shown(self):
        answer = await self.api("GET", f"/v3/domains/{DOMAIN}/tracking")
        self.assertFalse(answer["tracking"]["open"]["active"])

    async def test_management_is_not_for_a_sending_key(self):
        for path in ("/v4/domains", f"/v4/domains/{DOMAIN}"):
            answer = await self.api("GET", path, key="sending", status=401)
            self.assertEqual(answer, {"message": "Invalid private key"})

    async def test_another_regions_domain_is_not_found(self):
        answer = await self.api("GET", f"/eu/v4/domains/{DOMAIN}", status=404)
        self.assertEqual(answer, {"message": "Domain not found"})


class TestSigningKey(SandboxCase):
    async def test_it_is_the_same_in_both_regions(self):
        for region in ("", "/eu"):
            path = f"{region}/v5/accounts/http_signing_key"
            self.assertEqual(
                await self.api("GET", path), {"http_signing_key": "signing"}
            )


class TestSubAccounts(SandboxCase):
    async def test_their_domains_need_the_header(self):
        self.sandbox.domains["sub.test"] = Domain("sub.test", account="s1")
        await self.api("GET", "/v4/domains/sub.test", status=404)
        headers = {"X-Mailgun-On-Behalf-Of": "s1"}
        await self.api("GET", "/v4/domains/sub.test", headers=headers)
        await self.api("GET", f"/v4/domains/{DOMAIN}", headers=headers, status=404)
        answer = await self.api("GET", "/v4/domains", headers=headers)
        self.assertEqual([one["name"] for one in answer["items"]], ["sub.test"])
        answer = await self.api("GET", "/v4/domains?include_subaccounts=true")
        self.assertEqual(answer["total_count"], 2)
