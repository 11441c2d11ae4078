-- put_tag --
-- The tag of a row that was added or changed, in the same transaction.
INSERT INTO row_tags (merchant_id, kind, row_id, tag) VALUES (:merchant_id, :kind, :row_id, :tag)
ON CONFLICT (merchant_id, kind, row_id) DO UPDATE SET tag = excluded.tag;

-- remove_tag --
-- The row was deleted.
DELETE FROM row_tags WHERE merchant_id = :merchant_id AND kind = :kind AND row_id = :row_id;

-- read_tag --
-- The tag of one row, to look at it again.
SELECT tag FROM row_tags WHERE merchant_id = :merchant_id AND kind = :kind AND row_id = :row_id;

-- list_tags --
-- A page of the tags of a chain's rows of one kind, for verification.
SELECT row_id, tag FROM row_tags
WHERE merchant_id = :merchant_id AND kind = :kind AND row_id > :after ORDER BY row_id LIMIT :limit;

-- list_tag_owners --
-- A page of the chains that have tags. It jumps from chain to chain, as `list_chains` does.
SELECT merchant_id FROM (
    WITH RECURSIVE chain (merchant_id) AS (
        SELECT MIN(merchant_id) FROM row_tags WHERE merchant_id >= :first
        UNION ALL
        SELECT (SELECT MIN(row_tag.merchant_id) FROM row_tags AS row_tag WHERE row_tag.merchant_id > chain.merchant_id)
        FROM chain WHERE chain.merchant_id IS NOT NULL
    )
    SELECT merchant_id FROM chain WHERE merchant_id IS NOT NULL LIMIT :limit
) AS chains; -- unscoped: verification reads every chain
