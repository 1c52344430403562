import { registry } from "@web/core/registry";

/** A salesman writes to a customer from the chatter, and later reads the answer there. */
registry.category("web_tour.tours").add("mail_mailgun_send", {
    steps: () => [
        {
            trigger: "button.o-mail-Chatter-sendMessage",
            run: "click",
        },
        {
            trigger: ".o-mail-Composer-input",
            run: "edit How many do you need?",
        },
        {
            trigger: ".o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            trigger: ".o-mail-Message:contains('How many do you need?')",
        },
    ],
});

registry.category("web_tour.tours").add("mail_mailgun_reply", {
    steps: () => [
        {
            content: "mail from outside is shown in a shadow tree of its own",
            trigger: ".o-mail-Message-body div:shadow pre:contains('Three hundred')",
        },
    ],
});
