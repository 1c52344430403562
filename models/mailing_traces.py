"""Mailing statistics, where the module for mailings is installed.

``mass_mailing`` is used and not required, so its model cannot be inherited here.
"""

from .mail_notification import status_of

_OPENED = ("opened", "clicked")
_FAILURE = {"suppressed": "mail_bounce", "failed": "unknown", "bounced": "mail_bounce"}
_TRACE_STATUS = {"bounce": "bounce", "exception": "error"}


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
    """Let statistics say what a delivery says; what somebody answered stays so.

    :param traces: of one mail
    :param str state: of its ``mailgun.delivery``
    :param dict times: by kind, when it happened; for opens and clicks
    """
    times = times or {}
    for trace in traces:
        values = _values(state, reason, has_events)
        if not values:
            continue
        if trace.trace_status == "reply" and state not in _FAILURE:
            del values["trace_status"]
        for name, kind in (
            ("sent_datetime", "accepted"),
            ("open_datetime", "opened"),
            ("links_click_datetime", "clicked"),
        ):
            if times.get(kind) and not trace[name]:
                values[name] = times[kind]
        if any(trace[name] != value for name, value in values.items()):
            trace.write(values)


def _values(state, reason, has_events):
    status = status_of(state, has_events)
    if not status:
        return {}
    if state in _FAILURE:
        return {
            "trace_status": _TRACE_STATUS[status],
            "failure_type": _FAILURE[state],
            "failure_reason": reason or False,
        }
    return {
        "trace_status": "open" if state in _OPENED else status,
        "failure_type": False,
        "failure_reason": False,
    }
