import { registerMessageAction } from "@mail/core/common/message_actions";
import { Message } from "@mail/core/common/message_model";
import { Notification } from "@mail/core/common/notification_model";
import { _t } from "@web/core/l10n/translation";
import { patch } from "@web/core/utils/patch";
import { MailgunStoryDialog } from "./story_dialog";

patch(Notification.prototype, {
    /** Core's word for the failure, then what the mailbox or Mailgun said. */
    get failureMessage() {
        if (this.failure_type === "mailgun_suppressed") {
            return _t(
                "Suppressed at Mailgun: %(reason)s. An administrator can lift this in Settings > Technical > Email > Mailgun Deliveries.",
                { reason: (this.failure_reason || "").replace(/\.$/, "") }
            );
        }
        if (this.notification_type !== "email" || !this.failure_reason) {
            return super.failureMessage;
        }
        if (this.failure_type === "unknown") {
            return this.failure_reason;
        }
        return _t("%(failure)s: %(reason)s", {
            failure: super.failureMessage,
            reason: this.failure_reason,
        });
    },

    /** Why a mail is late that is still on its way, "" when it is not late. */
    get delayMessage() {
        if (this.notification_status !== "pending" || !this.failure_reason) {
            return "";
        }
        return _t("Delayed: %s", this.failure_reason);
    },
});

patch(Message.prototype, {
    get hasEmailNotifications() {
        return this.notification_ids.some(
            (notification) => notification.notification_type === "email"
        );
    },

    /**
     * A method of the message, since other modules have a popover of their own.
     *
     * @param {function} [closePopover]
     */
    openMailgunStory(closePopover) {
        closePopover?.();
        this.store.env.services.dialog.add(MailgunStoryDialog, { messageId: this.id });
    },
});

// The envelope is reached with a pointer only, the message's menu by keyboard as well.
registerMessageAction("mailgun-story", {
    condition: ({ message }) => message.hasEmailNotifications,
    icon: "fa fa-envelope-o",
    name: _t("What happened"),
    onSelected: ({ message }) => message.openMailgunStory(),
    sequence: 85,
});
