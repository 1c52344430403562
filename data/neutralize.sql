-- A copy for testing holds no key, sends nothing, finishes no mail of the original, and
-- knows nothing of what is at Mailgun, where all of it is the original's.
UPDATE mailgun_domain
   SET api_key_closed = NULL,
       webhook_signing_key_closed = NULL,
       webhook_signing_key_previous_closed = NULL,
       state = 'draft',
       identity = NULL,
       former_identity = NULL,
       database_uuid = NULL,
       database_name = NULL,
       check_trouble = NULL,
       footprint = NULL,
       remote_checked_at = NULL,
       remote_state = NULL,
       route_elsewhere = NULL,
       route_found = NULL,
       route_trouble = NULL,
       spam_action = NULL,
       webhook_elsewhere = NULL,
       webhook_found = NULL,
       webhook_trouble = NULL,
       last_sent_at = NULL,
       sending_trouble = NULL,
       sending_trouble_at = NULL,
       is_sending_barred = false,
       refusal = NULL,
       refusal_at = NULL,
       refusal_status = NULL,
       reach_trouble = NULL,
       reach_status = NULL,
       poll_due = NULL,
       poll_trouble = NULL,
       polled_at = NULL,
       rates_trouble = NULL,
       is_marketing = false;

DELETE FROM mailgun_dns_record;

DELETE FROM mailgun_alarm;

DELETE FROM ir_config_parameter
 WHERE key = 'mail_mailgun.alarm_url';

DELETE FROM mailgun_unsubscribe;

UPDATE fetchmail_server
   SET mailgun_cursor = now() AT TIME ZONE 'UTC'
 WHERE mailgun_domain_id IS NOT NULL;

DELETE FROM mailgun_connect;

UPDATE mailgun_inbound_email
   SET state = 'ignored',
       error = 'Left unrouted: this database is a neutralized copy.'
 WHERE state = 'pending';
