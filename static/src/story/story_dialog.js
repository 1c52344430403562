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
            additionalContext: {
                search_default_last_month: false,
                search_default_message_id: this.story.message_id,
            },
        });
    }

    openContact(copy) {
        this.props.close();
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: copy.partner_id,
            views: [[false, "form"]],
        });
    }

    /** For administrators. */
    async liftSuppression(copy) {
        const action = await this.orm.call("mailgun.delivery", "action_lift_suppression", [
            [copy.id],
        ]);
        this.props.close();
        this.action.doAction(action);
    }
}
