import { registry } from "@web/core/registry";

/** An administrator lets a held file through. */
registry.category("web_tour.tours").add("mail_mailgun_release", {
    steps: () => [
        {
            trigger: ".o_data_row:contains('invoice.pdf.exe') button[name='action_release']",
            run: "click",
        },
        {
            trigger: ".modal-footer .btn-primary",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains('Released'):not(:has(button[name='action_release']))",
        },
    ],
});
