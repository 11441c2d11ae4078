-- Telling merchants what became of their saved cards, and who of several workers does it.

-- Workers claim an endpoint, one at a time: `claimed_by` until `claimed_until`, which afterwards tells when its last turn
-- ended. `due_at` is when there is something to send, NULL when nothing waits; `last_number` numbers what was ever sent,
-- in the order in which it became true.
CREATE TABLE webhook_endpoints (
    merchant_id TEXT NOT NULL REFERENCES merchants (merchant_id),
    endpoint_id TEXT NOT NULL,
    partner_id TEXT REFERENCES partners (partner_id),
    url TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_number BIGINT NOT NULL DEFAULT 0,
    failure_count BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT,
    claimed_by TEXT NOT NULL DEFAULT '',
    claimed_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, endpoint_id)
);

CREATE INDEX webhook_endpoints_by_due ON webhook_endpoints (due_at);

-- What happened. The body is sealed; it is dropped after `forget_at`, as soon as nobody waits for it.
CREATE TABLE webhook_events (
    merchant_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    forget_at BIGINT NOT NULL,
    PRIMARY KEY (merchant_id, event_id)
);

CREATE INDEX webhook_events_by_instrument ON webhook_events (merchant_id, instrument_id);

CREATE INDEX webhook_events_by_end ON webhook_events (forget_at);

-- One row for each event and endpoint that is told of it, and a further one for each time it is sent again by hand.
CREATE TABLE webhook_deliveries (
    merchant_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    attempt_count INTEGER NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    answered INTEGER,
    settled_at BIGINT,
    PRIMARY KEY (merchant_id, endpoint_id, number)
);

CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (merchant_id, endpoint_id, due_at, number) WHERE state = 'pending';

-- The oldest of an instrument goes first.
CREATE INDEX webhook_deliveries_in_line ON webhook_deliveries (merchant_id, endpoint_id, instrument_id, number) WHERE state = 'pending';

CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (merchant_id, event_id);

-- Errands are claimed like endpoints.
ALTER TABLE outbox ADD COLUMN claimed_by TEXT NOT NULL DEFAULT '';

ALTER TABLE outbox ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0;
