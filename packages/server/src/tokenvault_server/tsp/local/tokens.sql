-- read_trid --
-- The id under which a merchant asks a network for tokens.
SELECT trid FROM requestors WHERE merchant_index = :merchant_index AND network = :network;

-- insert_trid --
-- Loses quietly to whoever was first, and to another merchant who already has this number.
INSERT INTO requestors (merchant_index, network, trid) VALUES (:merchant_index, :network, :trid) ON CONFLICT DO NOTHING;

-- living_token --
-- The token that a card, merchant and customer already have, if it can still be used.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at, issuer_suspended
FROM tokens WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now;

-- token_by_reference --
-- One token, whatever became of it.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at, issuer_suspended
FROM tokens WHERE token_reference = :token_reference;

-- token_by_index --
-- The token that a cryptogram is presented with.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at, issuer_suspended
FROM tokens WHERE token_index = :token_index;

-- expire_token --
-- A token that ran out makes room for its successor.
UPDATE tokens SET status = 'EXPIRED', changed_at = :now
WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at <= :now;

-- insert_token --
-- Gives no row when the card got a token meanwhile, or when the token's number is taken: look again, then try another.
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
-- Replaces a sealed record, unless somebody else did first. Nothing that the vault knows of the token changes.
UPDATE tokens SET sealed = :sealed, row_version = row_version + 1
WHERE token_reference = :token_reference AND row_version = :row_version AND sealed IS NOT NULL
RETURNING token_reference;

-- spend --
-- Takes the next counter value of an active token, and brings all that a cryptogram is made of. No value is given twice.
UPDATE tokens SET
    psn = CASE WHEN atc = 65535 THEN psn + 1 ELSE psn END,
    atc = CASE WHEN atc = 65535 THEN 1 ELSE atc + 1 END
WHERE token_reference = :token_reference AND status = 'ACTIVE' AND token_expires_at > :now AND (atc < 65535 OR psn < 99)
RETURNING token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed, changed_at, issuer_suspended;

-- bind_amount --
-- Remembers the sum of a cryptogram, so that a wrong sum can be told from a forgery.
INSERT INTO bound_amounts (token_reference, psn, atc, minor_units, currency, issued_at)
VALUES (:token_reference, :psn, :atc, :minor_units, :currency, :now);

-- read_amount --
-- The sum that a cryptogram was made for.
SELECT minor_units, currency FROM bound_amounts WHERE token_reference = :token_reference AND psn = :psn AND atc = :atc;

-- suspend_by_requestor --
-- The requestor suspends or resumes a token that lives. Its changes have different moments, so that they can be ordered.
UPDATE tokens SET requestor_suspended = :suspended,
    status = CASE WHEN :suspended = 1 OR issuer_suspended = 1 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING status, changed_at, issuer_suspended;

-- suspend_by_issuer --
-- The issuer suspends or resumes a token that lives.
UPDATE tokens SET issuer_suspended = :suspended,
    status = CASE WHEN :suspended = 1 OR requestor_suspended = 1 THEN 'SUSPENDED' ELSE 'ACTIVE' END,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING status, changed_at, issuer_suspended;

-- delete_token --
-- Forgets the card. The number stays taken, so that it never stands for another card.
UPDATE tokens SET status = 'DELETED', sealed = NULL, card_index = NULL,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND status <> 'DELETED'
RETURNING status, changed_at, issuer_suspended;

-- replace_card --
-- A new record of the same token: another card, number or expiry. No row comes back when it changed meanwhile.
UPDATE tokens SET sealed = :sealed, row_version = row_version + 1, last4 = :last4, token_expires_at = :token_expires_at,
    token_index = :token_index, card_index = :card_index,
    changed_at = CASE WHEN changed_at < :now THEN :now ELSE changed_at + 1 END
WHERE token_reference = :token_reference AND row_version = :row_version AND status IN ('ACTIVE', 'SUSPENDED')
RETURNING status, changed_at, issuer_suspended;

-- keep_former_number --
-- The number that a token had until now stays taken.
INSERT INTO former_numbers (token_index, token_reference)
SELECT token_index, token_reference FROM tokens WHERE token_reference = :token_reference ON CONFLICT DO NOTHING;

-- insert_event --
-- Written in the transaction that makes the change.
INSERT INTO events (event_id, token_reference, at, status, suspended_by, sealed)
VALUES (:event_id, :token_reference, :at, :status, :suspended_by, :sealed);

-- list_events --
-- A page of what the vault has not acknowledged.
SELECT event_id, token_reference, at, status, suspended_by, sealed FROM events
WHERE event_id > :after ORDER BY event_id LIMIT :limit;

-- delete_event --
-- The vault has acknowledged it.
DELETE FROM events WHERE event_id = :event_id;

-- present --
-- Gives a row the first time a cryptogram is presented, and none ever after.
INSERT INTO presented (token_reference, key_index, psn, atc, presented_at)
VALUES (:token_reference, :key_index, :psn, :atc, :now) ON CONFLICT DO NOTHING RETURNING atc;

-- sweep_presented --
-- Forgets what has expired anyway.
DELETE FROM presented WHERE (token_reference, key_index, psn, atc) IN (
    SELECT token_reference, key_index, psn, atc FROM presented
    WHERE presented_at < :before ORDER BY presented_at LIMIT :limit
)
RETURNING atc;

-- sweep_amounts --
-- Forgets what has expired anyway.
DELETE FROM bound_amounts WHERE (token_reference, psn, atc) IN (
    SELECT token_reference, psn, atc FROM bound_amounts WHERE issued_at < :before ORDER BY issued_at LIMIT :limit
)
RETURNING atc;

-- insert_enrolment --
-- What an enrolment came to, told once: a token that was made, or NULL when it was given up. Whoever is second is told so.
INSERT INTO enrolments (enrolment_id, token_reference, noted_at) VALUES (:enrolment_id, :token_reference, :now)
ON CONFLICT DO NOTHING RETURNING enrolment_id;

-- token_of_enrolment --
-- The token that was made for an enrolment.
SELECT token_reference FROM enrolments WHERE enrolment_id = :enrolment_id;

-- sweep_enrolments --
-- Forgets what nobody will ask for any more.
DELETE FROM enrolments WHERE enrolment_id IN (
    SELECT enrolment_id FROM enrolments WHERE noted_at < :before ORDER BY noted_at LIMIT :limit
)
RETURNING enrolment_id;
