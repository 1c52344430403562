import { Component, onWillStart, useState } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { useService } from "@web/core/utils/hooks";

/**
 * What became of a message, recipient by recipient. Asks the server when it is opened:
 * deliveries are not part of the messages that a chatter loads.
 */
export class MailgunStoryDialog extends Component {
    static components = { Dialog };
    static template = "mail_mailgun.StoryDialog";
    static props = { messageId: Number, close: Function };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.story = useState({ waits: [], copies: [], more: 0 });
        onWillStart(async () => {
            const found = await this.orm.call("mail.message", "mailgun_story", [
                [this.props.messageId],
            ]);
            Object.assign(this.story, found);
        });
    }

    alertClass(copy) {
        return {
            ok: "alert-success",
            info: "alert-info",
            warning: "alert-warning",
            error: "alert-danger",
        }[copy.level];
    }

    /** For administrators: the same in the list of all deliveries. */
    openDeliveries() {
        this.props.close();
        this.action.doAction("mail_mailgun.mailgun_delivery_action", {
            additionalContext: { search_default_message_id: this.story.message_id },
        });
    }
}
