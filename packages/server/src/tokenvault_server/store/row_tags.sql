-- put_tag --
-- The tag of a row that was added or changed, in the same transaction.
INSERT INTO row_tags (merchant_id, kind, row_id, tag) VALUES (:merchant_id, :kind, :row_id, :tag)
ON CONFLICT (merchant_id, kind, row_id) DO UPDATE SET tag = excluded.tag;

-- remove_tag --
-- The row was deleted.
DELETE FROM row_tags WHERE merchant_id = :merchant_id AND kind = :kind AND row_id = :row_id;
