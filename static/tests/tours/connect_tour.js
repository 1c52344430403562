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
            trigger: ".o_mailgun_health summary",
            run: "click",
        },
        {
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

/** The same by hand: a new domain, filled in, saved and confirmed. */
registry.category("web_tour.tours").add("mail_mailgun_by_hand", {
    steps: () => [
        {
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "nothing is shown of mail as long as the domain has no name",
            trigger: ".o_notebook_headers a:contains('Senders')",
            run: "click",
        },
        {
            trigger: ".o_notebook_content:has([name='preview_return_path']):not(:contains('@'))",
        },
        {
            trigger: ".o_field_widget[name='name'] input",
            run: "edit mail.example.com",
        },
        {
            trigger: ".o_notebook_headers a:contains('Settings')",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name='api_key'] input",
            run: "edit sandbox-api-key",
        },
        {
            trigger: ".o_field_widget[name='webhook_signing_key'] input",
            run: "edit sandbox-signing-key",
        },
        {
            trigger: ".o_notebook_headers a:contains('Senders')",
            run: "click",
        },
        {
            content: "what a customer will see",
            trigger:
                ".o_field_widget[name='preview_return_path']:contains('bounce+…@mail.example.com')",
        },
        {
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            trigger: ".o_form_saved button[name='action_confirm']",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current:contains('In use')",
        },
        {
            trigger: "button[name='action_test_connection']",
            run: "click",
        },
        {
            trigger: ".o_notification:has(.bg-success)",
        },
        {
            trigger: "button[name='action_setup_mail']",
            run: "click",
        },
        {
            trigger: ".o_notebook_headers a:contains('Settings')",
            run: "click",
        },
        {
            content: "it sends and receives",
            trigger: ".o_field_widget[name='mail_server_ids'] .badge",
        },
    ],
});
