-- Tombstones are looked for every hour: that must not take a look at every card that is still there.

CREATE INDEX instruments_by_deletion ON instruments (deleted_at) WHERE status = 'DELETED';
