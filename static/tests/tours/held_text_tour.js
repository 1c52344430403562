import { registry } from "@web/core/registry";

/** An administrator reads a mail that was held back, and discards it. */
registry.category("web_tour.tours").add("mail_mailgun_held_text", {
    steps: () => [
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
