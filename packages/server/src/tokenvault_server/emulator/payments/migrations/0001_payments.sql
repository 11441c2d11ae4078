-- Orders of an emulator, each sealed with its payments and refunds, and the ways to find them.
CREATE TABLE orders (
    merchant_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    row_version BIGINT NOT NULL,
    due_at BIGINT,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (merchant_id, order_id)
);
CREATE INDEX orders_by_due_at ON orders (due_at);

-- From a payment's id, or the digest of a session or of a page's token, to the order.
CREATE TABLE lookups (
    lookup_key TEXT PRIMARY KEY,
    merchant_id TEXT NOT NULL,
    order_id TEXT NOT NULL
);

CREATE TABLE simulations (
    merchant_id TEXT NOT NULL,
    simulation_id TEXT NOT NULL,
    cf_payment_id TEXT NOT NULL,
    payment_status TEXT NOT NULL,
    payment_error_code TEXT,
    PRIMARY KEY (merchant_id, simulation_id)
);
