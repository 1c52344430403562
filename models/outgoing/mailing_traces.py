"""Mailing statistics, where the module for mailings is installed.

``mass_mailing`` is used and not required, so its model cannot be inherited here.
"""

# What a copy's state means for whoever wrote the message, in core's words: "pending" is
# shown as sent, "sent" as delivered.
_STATUS = {
    "accepted": "pending",
    "deferred": "pending",
    "delivered": "sent",
    "opened": "sent",
    "clicked": "sent",
    "unsubscribed": "sent",
    "complained": "sent",
    "suppressed": "bounce",
    "failed": "exception",
    "bounced": "bounce",
}

_FAILURE = {"suppressed": "mail_bounce", "failed": "unknown", "bounced": "mail_bounce"}
_LOST = {"bounce": "bounce", "exception": "error"}
_OPENED = ("opened", "clicked")
_COUNTED = ("open", "reply")
_DATES = {
    "sent_datetime": "accepted",
    "open_datetime": "opened",
    "links_click_datetime": "clicked",
}


def status_of(state, has_events):
    """Return the status of a notification, or None while it is not known.

    :param str state: of a ``mailgun.delivery``
    :param bool has_events: deliveries are told of, so "delivered" waits for it
    """
    status = _STATUS.get(state)
    return "sent" if status == "pending" and not has_events else status


def traces_of(env, mail_ids):
    """Return the statistics of mails, which may be deleted by now.

    :param mail_ids: ids of ``mail.mail``
    :return: records of ``mailing.trace``; None where there are no mailings
    """
    if "mailing.trace" not in env:
        return None
    traces = env["mailing.trace"].sudo()
    return traces.search([("mail_mail_id_int", "in", list(mail_ids))])


def wait(env, mail_id):
    """Show a mail as waiting that core shows as failed."""
    if traces := traces_of(env, [mail_id]):
        traces.write({"trace_status": "outgoing", "failure_type": False})


def follow(traces, state, reason, has_events, times=None):
    """Let statistics say what a delivery says.

    What Odoo has counted itself, an open or an answer, is not taken back.

    :param traces: of one mail
    :param str state: of its ``mailgun.delivery``
    :param str reason: of the state
    :param bool has_events: deliveries are told of, so "delivered" waits for it
    :param dict times: by kind, when it happened; for opens and clicks
    """
    times = times or {}
    status = status_of(state, has_events)
    if not status:
        return
    for trace in traces:
        values = {
            name: times[kind]
            for name, kind in _DATES.items()
            if times.get(kind) and not trace[name]
        }
        if state in _FAILURE:
            values |= {
                "trace_status": _LOST[status],
                "failure_type": _FAILURE[state],
                "failure_reason": reason or False,
            }
        elif trace.trace_status not in _COUNTED:
            is_open = state in _OPENED or any(map(times.get, _OPENED))
            values |= {
                "trace_status": "open" if is_open else status,
                "failure_type": False,
                "failure_reason": False,
            }
        if any(trace[name] != value for name, value in values.items()):
            trace.write(values)


def end_waiting(env, before, limit):
    """Count mail as received that no event has told anything of since it was taken.

    As notifications do (``mail_notification.py``): Mailgun would have said so.

    :param datetime before: until when it was handed over, in UTC
    :param int limit: how many at the most
    :return: how many there were
    """
    if "mailing.trace" not in env:
        return 0
    env.cr.execute(
        """UPDATE mailing_trace SET trace_status = 'sent'
            WHERE id IN (
           SELECT trace.id FROM mailing_trace AS trace
            WHERE trace.trace_status = 'pending' AND trace.trace_type = 'mail'
              AND EXISTS (SELECT FROM mailgun_delivery AS delivery
                           WHERE delivery.message_id = trace.message_id
                             AND delivery.mail_id = trace.mail_mail_id_int)
              AND NOT EXISTS (SELECT FROM mailgun_delivery AS delivery
                               WHERE delivery.message_id = trace.message_id
                                 AND delivery.mail_id = trace.mail_mail_id_int
                                 AND delivery.sending_at >= %s)
            LIMIT %s
              FOR UPDATE OF trace SKIP LOCKED)""",
        [before, limit],
    )
    count = env.cr.rowcount
    env["mailing.trace"].invalidate_model(["trace_status"])
    return count
