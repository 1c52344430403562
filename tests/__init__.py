from . import (
    test_client,
    test_forms,
    test_inbound_endpoint,
    test_inbound_mime,
    test_inbound_routing,
    test_ir_mail_server,
    test_mailgun_domain,
    test_session,
    test_signature,
    test_vault,
)
