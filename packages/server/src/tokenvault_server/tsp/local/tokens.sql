-- read_trid --
-- A merchant's token requestor id at a network.
SELECT trid FROM requestors WHERE merchant_index = :merchant_index AND network = :network;

-- insert_trid --
-- Writes no row when the merchant has an id already, or another merchant has this one.
INSERT INTO requestors (merchant_index, network, trid) VALUES (:merchant_index, :network, :trid) ON CONFLICT DO NOTHING;

-- current_token --
-- The active or suspended token of a card, merchant and customer.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at,
issuer_suspended FROM tokens WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at >
:now;

-- token_by_reference --
-- One token, in any state.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at,
issuer_suspended FROM tokens WHERE token_reference = :token_reference;

-- token_by_index --
-- The token of a presented cryptogram.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at,
issuer_suspended FROM tokens WHERE token_index = :token_index;

-- expire_token --
-- Mark an expired token, so that the card can get a new one.
UPDATE tokens SET status = 'EXPIRED', changed_at = :now
WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at <= :now;

-- insert_token --
-- Returns no row when the card has a token now, or when the token's number is taken. The caller reads again and
-- retries.
INSERT INTO tokens (
    token_reference, status, network, trid, last4, psn, atc, token_expires_at, created_at, changed_at, row_version,
    token_index, card_index, sealed
) VALUES (
    :token_reference, 'ACTIVE', :network, :trid, :last4, 0, 0, :token_expires_at, :now, :now, 1,
    :token_index, :card_index, :sealed
) ON CONFLICT DO NOTHING RETURNING token_reference;

-- is_former_number --
-- Whether a number belonged to a token before its issuer replaced it.
SELECT token_reference FROM former_numbers WHERE token_index = :token_index;

-- reseal_token --
-- Replace a sealed record, unless the row has changed. No field that the vault has received changes.
UPDATE tokens SET sealed = :sealed, row_version = row_version + 1
WHERE token_reference = :token_reference AND row_version = :row_version AND sealed IS NOT NULL
RETURNING token_reference;

-- spend --
-- Spend the next counter value of an active token, and return what a cryptogram needs. No value is spent twice.
UPDATE tokens SET
    psn = CASE WHEN atc = 65535 THEN psn + 1 ELSE psn END,
    atc = CASE WHEN atc = 65535 THEN 1 ELSE atc + 1 END
WHERE token_reference = :token_reference AND status = 'ACTIVE' AND token_expires_at > :now AND (atc < 65535 OR psn < 99)
RETURNING token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at,
issuer_suspended;

-- bind_amount --
-- Store the amount of a cryptogram, so that a wrong amount and a forgery can be distinguished.
INSERT INTO bound_amounts (token_reference, psn, atc, minor_units, currency, issued_at)
VALUES (:token_reference, :psn, :atc, :minor_units, :currency, :now);

-- read_amount --
-- The amount that a cryptogram is bound to.
SELECT minor_units, currency FROM bound_amounts WHERE token_reference = :token_reference AND psn = :psn AND atc = :atc;

-- suspend_by_requestor --
-- The requestor suspends or resumes an unexpired token. Changes of one token have different times, so they have an
-- order.
UPDATE tokens SET requestor_suspended = :suspended,
    status = CASE WHEN :suspended = 1 OR issuer_suspended = 1 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING status, changed_at, issuer_suspended;

-- suspend_by_issuer --
-- The issuer suspends or resumes an unexpired token.
UPDATE tokens SET issuer_suspended = :suspended,
    status = CASE WHEN :suspended = 1 OR requestor_suspended = 1 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING status, changed_at, issuer_suspended;

-- delete_token --
-- Delete the card's record. The row keeps the number, so that no other card ever gets it.
UPDATE tokens SET status = 'DELETED', sealed = NULL, card_index = NULL,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status <> 'DELETED'
RETURNING status, changed_at, issuer_suspended;

-- replace_card --
-- A new record of the same token: another card, number or expiry. Returns no row when the token has changed.
UPDATE tokens SET sealed = :sealed, row_version = row_version + 1, last4 = :last4, token_expires_at = :token_expires_at,
    token_index = :token_index, card_index = :card_index,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND row_version = :row_version AND status IN ('ACTIVE', 'SUSPENDED')
RETURNING status, changed_at, issuer_suspended;

-- keep_former_number --
-- Keep the present number of a token before it changes, so that no other token ever gets it.
INSERT INTO former_numbers (token_index, token_reference)
SELECT token_index, token_reference FROM tokens WHERE token_reference = :token_reference ON CONFLICT DO NOTHING;

-- insert_event --
-- Add an event, in the transaction that makes the change.
INSERT INTO events (event_id, token_reference, at, status, suspended_by, sealed)
VALUES (:event_id, :token_reference, :at, :status, :suspended_by, :sealed);

-- list_events --
-- A page of the events that the vault has not acknowledged.
SELECT event_id, token_reference, at, status, suspended_by, sealed FROM events
WHERE event_id > :after ORDER BY event_id LIMIT :limit;

-- delete_event --
-- Remove an event that the vault has acknowledged.
DELETE FROM events WHERE event_id = :event_id;

-- present --
-- Returns a row the first time that a cryptogram is presented, and no row afterwards.
INSERT INTO presented (token_reference, key_index, psn, atc, presented_at)
VALUES (:token_reference, :key_index, :psn, :atc, :now) ON CONFLICT DO NOTHING RETURNING atc;

-- sweep_presented --
-- Delete a batch of presentations whose cryptograms have expired.
DELETE FROM presented WHERE (token_reference, key_index, psn, atc) IN (
    SELECT token_reference, key_index, psn, atc FROM presented
    WHERE presented_at < :before ORDER BY presented_at LIMIT :limit
)
RETURNING atc;

-- sweep_amounts --
-- Delete a batch of amounts whose cryptograms have expired.
DELETE FROM bound_amounts WHERE (token_reference, psn, atc) IN (
    SELECT token_reference, psn, atc FROM bound_amounts WHERE issued_at < :before ORDER BY issued_at LIMIT :limit
)
RETURNING atc;

-- insert_enrolment --
-- The result of an enrolment, stored once: the token that was created, or NULL when it was closed without one. A second
-- insert returns no row.
INSERT INTO enrolments (enrolment_id, token_reference, noted_at) VALUES (:enrolment_id, :token_reference, :now)
ON CONFLICT DO NOTHING RETURNING enrolment_id;

-- token_of_enrolment --
-- The token that was created for an enrolment.
SELECT token_reference FROM enrolments WHERE enrolment_id = :enrolment_id;

-- sweep_enrolments --
-- Delete a batch of enrolments that no vault closes any more.
DELETE FROM enrolments WHERE enrolment_id IN (
    SELECT enrolment_id FROM enrolments WHERE noted_at < :before ORDER BY noted_at LIMIT :limit
)
RETURNING enrolment_id;

-- scan_tokens --
-- Which cards there are, with the key that each record names, for an inspection.
SELECT '', '', token_reference, created_at, substr(sealed, 1, 6) FROM tokens
WHERE token_reference > :record_id AND sealed IS NOT NULL ORDER BY token_reference LIMIT :limit;

-- scan_events --
-- Which events there are, for an inspection.
SELECT '', '', event_id, at, substr(sealed, 1, 6) FROM events WHERE event_id > :record_id ORDER BY event_id LIMIT :limit;

-- read_event --
-- One sealed event, for an inspection.
SELECT sealed FROM events WHERE event_id = :event_id;

-- expire_now --
-- The issuer ends the life of an unexpired token before its time.
UPDATE tokens SET status = 'EXPIRED',
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING status, changed_at, issuer_suspended;

-- count_exhausted --
-- How many tokens have too few sequence numbers left for a step.
SELECT COUNT(*) FROM tokens WHERE psn + :step > 99 AND status <> 'DELETED';

-- step --
-- After a restore: begin a later sequence number, so that no counter value comes back. A token that has none left is
-- used up.
UPDATE tokens SET
    psn = CASE WHEN psn + :step > 99 THEN 99 ELSE psn + :step END,
    atc = CASE WHEN psn + :step > 99 THEN 65535 ELSE :atc END;
