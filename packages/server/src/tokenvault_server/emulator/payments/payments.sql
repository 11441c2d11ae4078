-- load_order --
-- One order of a merchant.
SELECT row_version, sealed FROM orders WHERE merchant_id = :merchant_id AND order_id = :order_id;

-- insert_order --
-- Writes no row when the merchant has an order with this id.
INSERT INTO orders (merchant_id, order_id, row_version, due_at, sealed)
VALUES (:merchant_id, :order_id, 1, :due_at, :sealed) ON CONFLICT DO NOTHING RETURNING order_id;

-- update_order --
-- Writes no row when another call changed the order since it was read.
UPDATE orders SET row_version = row_version + 1, due_at = :due_at, sealed = :sealed
WHERE merchant_id = :merchant_id AND order_id = :order_id AND row_version = :row_version RETURNING order_id;

-- due_orders --
-- Not scoped to a merchant: the periodic task brings the orders of all merchants up to date.
SELECT merchant_id, order_id FROM orders WHERE due_at <= :now ORDER BY due_at LIMIT :limit;

-- find_order --
-- Not scoped to a merchant: a session, a page's token and a payment's id say whose order it is.
SELECT merchant_id, order_id FROM lookups WHERE lookup_key = :lookup_key;

-- insert_lookup --
-- Writes no row when the key is taken: keys are random, so the caller starts again.
INSERT INTO lookups (lookup_key, merchant_id, order_id) VALUES (:lookup_key, :merchant_id, :order_id)
ON CONFLICT DO NOTHING RETURNING lookup_key;

-- insert_simulation --
-- A simulation, to be fetched again.
INSERT INTO simulations (merchant_id, simulation_id, cf_payment_id, payment_status, payment_error_code)
VALUES (:merchant_id, :simulation_id, :cf_payment_id, :payment_status, :payment_error_code);

-- load_simulation --
-- One simulation of a merchant.
SELECT simulation_id, cf_payment_id, payment_status, payment_error_code FROM simulations
WHERE merchant_id = :merchant_id AND simulation_id = :simulation_id;

-- delete_orders --
-- Not scoped to a merchant: a reset forgets everything.
DELETE FROM orders;

-- delete_lookups --
-- Not scoped to a merchant: a reset forgets everything.
DELETE FROM lookups;

-- delete_simulations --
-- Not scoped to a merchant: a reset forgets everything.
DELETE FROM simulations;
