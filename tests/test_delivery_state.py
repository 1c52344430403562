import itertools

from odoo.tests import BaseCase, tagged

from odoo.addons.mail_mailgun.const import DELIVERY_RANK
from odoo.addons.mail_mailgun.tools.delivery_state import (
    MACHINE_OPENED,
    Fate,
    Happening,
    fate_of,
    happening_of,
)

KINDS = [kind for kind in DELIVERY_RANK if kind != "sending"]


def event(event, **values):
    return {"event": event, **values}


def kind_of(data):
    found = happening_of(data, 1.0)
    return found and found.kind


@tagged("mailgun_tools")
class TestDeliveryState(BaseCase):
    def test_every_order_of_every_subset_ends_in_the_same_state(self):
        happenings = [
            Happening(kind, float(number), f"reason {number}", kind)
            for number, kind in enumerate(KINDS)
        ]
        # Whichever comes last, what was known before is the same by induction: all
        # orders of the others ended there.
        fates = {frozenset(): Fate({})}
        for size in range(1, len(happenings) + 1):
            for subset in itertools.combinations(happenings, size):
                whole = frozenset(subset)
                ends = [fates[whole - {last}].after(last) for last in subset]
                self.assertTrue(all(end == ends[0] for end in ends), subset)
                wanted = max(subset, key=lambda one: DELIVERY_RANK[one.kind])
                found = ends[0].state, ends[0].reason
                self.assertEqual(found, (wanted.kind, wanted.reason))
                fates[whole] = ends[0]
        self.assertEqual(len(fates), 2 ** len(KINDS))

    def test_a_kind_that_happens_again_keeps_its_first_time_and_reason(self):
        twice = [Happening("bounced", 5.0, "late"), Happening("bounced", 3.0, "early")]
        for order in itertools.permutations(twice):
            fate = fate_of(order)
            self.assertEqual(fate.times, {"bounced": 3.0})
            self.assertEqual(fate.reason, "early")

    def test_a_temporary_failure_is_a_delay_and_never_a_bounce(self):
        for severity in ("temporary", None, "internal", 7):
            data = event("failed", severity=severity, reason="generic")
            self.assertEqual(kind_of(data), "deferred")

    def test_a_permanent_failure_is_a_bounce_with_the_words_of_the_mailbox(self):
        status = {"code": 550, "message": "no such user", "description": None}
        data = event(
            "failed",
            severity="permanent",
            reason="bounce",
            **{"delivery-status": status},
        )
        found = happening_of(data, 1.0)
        self.assertEqual(found.kind, "bounced")
        self.assertEqual(found.reason, "550 no such user")

    def test_a_suppressed_address_is_no_bounce_of_this_mail(self):
        for reason in ("suppress-bounce", "suppress-complaint", "suppress-unsubscribe"):
            data = event("failed", severity="permanent", reason=reason)
            self.assertEqual(kind_of(data), "suppressed")
        status = {"code": 606, "message": ""}
        data = event("failed", severity="permanent", **{"delivery-status": status})
        self.assertEqual(kind_of(data), "suppressed")

    def test_what_got_too_old_has_failed(self):
        data = event("failed", severity="permanent", reason="old")
        self.assertEqual(kind_of(data), "failed")

    def test_a_program_that_opens_or_clicks_is_no_reader(self):
        for name in ("opened", "clicked"):
            for bot, kind in (("apple", MACHINE_OPENED), ("", name), (None, name)):
                data = event(name, **{"client-info": {"bot": bot}})
                self.assertEqual(kind_of(data), kind)

    def test_odd_values_mean_nothing_and_do_no_harm(self):
        for data in (
            {},
            event(None),
            event([]),
            event("stored"),
            event("list_uploaded"),
        ):
            self.assertIsNone(kind_of(data))
        odd = {"delivery-status": [], "reject": "x", "reason": {}, "client-info": []}
        for name in ("failed", "opened", "rejected"):
            self.assertTrue(kind_of(event(name, severity="permanent", **odd)))
