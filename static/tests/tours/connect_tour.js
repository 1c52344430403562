import { registry } from "@web/core/registry";

/**
 * What an administrator does after the installation, click by click: one key to paste,
 * and at the end the proof that mail leaves and arrives.
 */
registry.category("web_tour.tours").add("mail_mailgun_connect", {
    steps: () => [
        {
            content: "open the domains from the general settings",
            trigger: "#email-mailgun-setting button:contains('Mailgun Domains')",
            run: "click",
        },
        {
            content: "connect a domain",
            trigger: ".o_control_panel button:contains('Connect a Domain'), .o_list_view button:contains('Connect a Domain')",
            run: "click",
        },
        {
            content: "paste the API key",
            trigger: ".modal .o_field_widget[name='api_key'] input",
            run: "edit sandbox-api-key",
        },
        {
            content: "have Mailgun asked for its domains",
            trigger: ".modal button[name='action_find_domains']",
            run: "click",
        },
        {
            content: "the only domain is chosen already",
            trigger:
                ".modal .o_field_widget[name='choice_id'] input:checked + label:contains('mail.example.com')",
        },
        {
            content: "connect it",
            trigger: ".modal button[name='action_connect']",
            run: "click",
        },
        {
            content: "route and webhooks are set up",
            trigger: ".o_mailgun_health_ok:contains('Route')",
        },
        {
            trigger: ".o_mailgun_health_ok:contains('Webhooks')",
        },
        {
            content: "prove the whole way",
            trigger: "button[name='action_round_trip']",
            run: "click",
        },
        {
            content: "mail has left and come back",
            trigger: ".modal .o_mailgun_round_trip_done .alert-success",
        },
        {
            trigger: ".modal button:contains('Close')",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
    ],
});
