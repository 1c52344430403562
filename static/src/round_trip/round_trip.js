import { Component, onWillUnmount, onMounted, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

const POLL_MILLISECONDS = 1000;

/**
 * Sends the mail of a round trip when it is shown, and shows each step as it happens.
 */
export class MailgunRoundTrip extends Component {
    static template = "mail_mailgun.RoundTrip";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.trip = useState({ state: "running", remedy: "", steps: [] });
        onMounted(() => this.follow("start"));
        onWillUnmount(() => clearTimeout(this.timer));
    }

    async follow(method) {
        const id = this.props.record.resId;
        Object.assign(this.trip, await this.orm.call("mailgun.round.trip", method, [id]));
        if (this.trip.state === "running") {
            this.timer = setTimeout(() => this.follow("refresh"), POLL_MILLISECONDS);
        }
    }

    async press(method) {
        const id = this.props.record.resId;
        await this.action.doAction(await this.orm.call("mailgun.round.trip", method, [id]));
    }

    icon(step) {
        return {
            done: "fa fa-check-circle text-success",
            stopped: "fa fa-times-circle text-danger",
            missed: "fa fa-circle-o text-muted",
            waiting: "fa fa-spinner fa-spin text-muted",
        }[step.state];
    }

    label(step) {
        return {
            done: _t("Done"),
            stopped: _t("Stopped"),
            missed: step.note,
            waiting: _t("Waiting"),
        }[step.state];
    }
}

registry.category("view_widgets").add("mailgun_round_trip", {
    component: MailgunRoundTrip,
});
