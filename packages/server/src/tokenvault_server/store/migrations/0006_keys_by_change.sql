-- Every process looks twice a second for what changed: that must not take a look at the keys of every merchant.

CREATE INDEX keys_by_change ON keys (changed);
