-- lock_window --
-- Read the leases of a limit. Changing the counter `held` locks the row until the transaction ends.
INSERT INTO rate_windows (merchant_id, operation, leases) VALUES (:merchant_id, :operation, '')
ON CONFLICT (merchant_id, operation) DO UPDATE SET held = rate_windows.held + 1
RETURNING leases;

-- write_window --
-- Replace the leases of a limit.
UPDATE rate_windows SET leases = :leases WHERE merchant_id = :merchant_id AND operation = :operation;

-- write_probe --
-- Count the probes in a row of no merchant. SQLite writes nothing to the disk for an update that changes nothing.
INSERT INTO rate_windows (merchant_id, operation, leases) VALUES ('', 'readiness', '')
ON CONFLICT (merchant_id, operation) DO UPDATE SET held = rate_windows.held + 1
RETURNING held;
