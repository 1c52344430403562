-- A copy for testing holds no key, sends nothing and finishes no mail of the original.
UPDATE mailgun_domain
   SET api_key_closed = NULL,
       webhook_signing_key_closed = NULL,
       webhook_signing_key_previous_closed = NULL,
       state = 'draft',
       database_uuid = NULL,
       database_name = NULL;

UPDATE mailgun_inbound_email
   SET state = 'ignored',
       error = 'Left unrouted: this database is a neutralized copy.'
 WHERE state = 'pending';
