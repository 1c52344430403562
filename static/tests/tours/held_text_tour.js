import { registry } from "@web/core/registry";

/** An administrator reads a mail that was held back, and discards it. */
registry.category("web_tour.tours").add("mail_mailgun_held_text", {
    steps: () => [
        {
            content: "what is to be checked, why, and no round trips",
            trigger:
                ".o_list_view:not(:contains('A round trip')) .o_data_row:contains('Spam 9.3') td[name='subject']:contains('A question')",
            run: "click",
        },
        {
            trigger: "div[name='preview']:contains('How much is it?')",
        },
        {
            trigger: "button[name='action_discard']",
            run: "click",
        },
        {
            content: "that it is not delivered is asked first",
            trigger: ".modal footer button.btn-primary",
            run: "click",
        },
        {
            trigger: ".o_form_view:not(:has(button[name='action_discard']))",
        },
    ],
});
