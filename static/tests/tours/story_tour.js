import { registry } from "@web/core/registry";

/** A salesman sees a red envelope and finds out what happened, without any rights. */
registry.category("web_tour.tours").add("mail_mailgun_story", {
    steps: () => [
        {
            content: "the menu of the message leads there, too",
            trigger: ".o-mail-Message:contains('Our offer')",
            run: "hover && click .o-mail-Message:contains('Our offer') .o-mail-Message-actions button[title='Expand']",
        },
        {
            trigger: ".o-dropdown-item:contains('What happened')",
            run: "click",
        },
        {
            trigger: ".modal:has(.o_mailgun_copy:contains('Gone')) .modal-footer button:contains('Close')",
            run: "click",
        },
        {
            content: "the envelope of the message is red",
            trigger: ".o-mail-Message:contains('Our offer') .o-mail-Message-notification.text-danger",
            run: "click",
        },
        {
            content: "the mailbox's own words",
            trigger: ".o-mail-MessageNotificationPopover:contains('Bounce: 550')",
        },
        {
            trigger: ".o_mailgun_what_happened",
            run: "click",
        },
        {
            content: "what happened, in words",
            trigger: ".modal .o_mailgun_copy:contains('Gone') .alert-danger:contains('refused')",
        },
        {
            trigger: ".modal .o_mailgun_copy li:contains('Accepted')",
        },
        {
            trigger: ".modal .o_mailgun_copy li:contains('Bounced')",
        },
        {
            content: "the list of all deliveries is not for everybody",
            trigger: ".modal-footer:not(:has(.o_mailgun_open_deliveries)) button:contains('Close')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
    ],
});

/** An administrator reads what an email waits for, and sends it at once. */
registry.category("web_tour.tours").add("mail_mailgun_waiting", {
    steps: () => [
        {
            trigger: ".o_mailgun_wait:contains('This email waits since'):contains('goes out by itself')",
        },
        {
            trigger: ".o_statusbar_buttons button:contains('Send Now')",
            run: "click",
        },
        {
            content: "it waits no more",
            trigger: ".o_notification:contains('sent within a minute')",
        },
        {
            trigger: ".o_form_view:not(:has(.o_mailgun_wait))",
        },
    ],
});

/** Retry asks nobody, so it leaves out what needs a decision and leads there. */
registry.category("web_tour.tours").add("mail_mailgun_decide", {
    steps: () => [
        {
            trigger: ".o_data_row:contains('In doubt') .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains('Refused') .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button:contains('Retry')",
            run: "click",
        },
        {
            content: "the one is queued, the other is pointed out",
            trigger: ".o_notification:contains('1 email needs a decision') a:contains('open it')",
        },
        {
            trigger: ".o_data_row:contains('Refused'):contains('Outgoing')",
        },
        {
            trigger: ".o_data_row:contains('In doubt'):contains('Delivery Failed') td[name='subject']",
            run: "click",
        },
        {
            trigger: ".o_mailgun_wait:contains('Nobody can tell')",
        },
        {
            trigger: ".o_statusbar_buttons button:contains('Send Again')",
            run: "click",
        },
        {
            content: "it could arrive twice, so this asks once more",
            trigger: ".modal:contains('get it twice') .modal-footer button:contains('Send Again')",
            run: "click",
        },
        {
            trigger: ".o_notification:contains('sent again within a minute')",
        },
        {
            trigger: ".o_form_view:not(:has(.o_mailgun_wait))",
        },
    ],
});
