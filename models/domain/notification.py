"""What a button tells when it has done its work; core's client action for that."""

#: Closes the dialog that the button is in; elsewhere the record is read again.
CLOSE = {"type": "ir.actions.act_window_close"}
#: Reads the page again.
RELOAD = {"type": "ir.actions.client", "tag": "soft_reload"}


def notification(kind, message, then=None, **params):
    """Return the action that shows a notification.

    Source: ``displayNotificationAction`` of core's web client.

    :param str kind: "success", "info", "warning" or "danger"
    :param str message: with ``%s`` for each of the links
    :param dict then: the action that follows
    :param params: ``sticky``; ``links``, each with ``label`` and ``url``
    :rtype: dict
    """
    params = {"type": kind, "message": message, **params}
    if then:
        params["next"] = then
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": params,
    }
