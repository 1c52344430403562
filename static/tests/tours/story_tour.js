import { registry } from "@web/core/registry";

/** A salesman sees a red envelope and finds out what happened, without any rights. */
registry.category("web_tour.tours").add("mail_mailgun_story", {
    steps: () => [
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
            trigger: ".modal .o_mailgun_copy li:contains('Accepted by Mailgun')",
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
            trigger: ".o_mailgun_wait button:contains('Send Now')",
            run: "click",
        },
        {
            content: "it waits no more",
            trigger: ".o_notification:contains('within a minute')",
        },
        {
            trigger: ".o_form_view:not(:has(.o_mailgun_wait))",
        },
    ],
});
