-- name: note_told(told_as)!
UPDATE buckets SET told_as = :told_as WHERE told_as = '';

-- name: bucket_told_otherwise(told_as)^
SELECT bucket FROM buckets WHERE told_as <> :told_as ORDER BY bucket LIMIT 1;

-- name: tell_again(bucket, change_no, feed)!
-- Each member gets a number of their own after the bucket's last, the same for all stores; to others nothing is new.
UPDATE changes SET change_no = numbered.change_no
FROM (
  SELECT told.member_id, CAST(:change_no AS BIGINT) + row_number() OVER (ORDER BY told.member_id) AS change_no
  FROM (SELECT DISTINCT member_id FROM changes WHERE bucket = :bucket) AS told
) AS numbered
WHERE changes.bucket = :bucket AND changes.member_id = numbered.member_id AND changes.audience <> :feed;

-- name: last_change(bucket)^
SELECT max(change_no) FROM changes WHERE bucket = :bucket;

-- name: bucket_is_told(bucket, change_no, told_as)!
UPDATE buckets SET change_no = :change_no, told_as = :told_as WHERE bucket = :bucket;
