-- name: unfed_buckets()
-- In which buckets the feed is not told of anybody yet.
SELECT bucket FROM buckets WHERE fed = 0 ORDER BY bucket;

-- name: feed_everyone(bucket, change_no)!
-- Every member of a bucket is told of, each with a number of its own after the bucket's last.
INSERT INTO changes (bucket, member_id, audience, change_no)
SELECT members.bucket, members.member_id, '~feed', CAST(:change_no AS BIGINT) + row_number() OVER (ORDER BY members.member_id)
FROM members WHERE members.bucket = :bucket;

-- name: bucket_is_fed(bucket, change_no)!
UPDATE buckets SET change_no = :change_no, fed = 1 WHERE bucket = :bucket;

-- name: last_fed()
-- The number of the last change of each bucket that the feed tells of, NULL where there is none.
SELECT buckets.bucket, (
  SELECT max(changes.change_no) FROM changes WHERE changes.bucket = buckets.bucket AND changes.audience = '~feed'
) FROM buckets ORDER BY buckets.bucket;

-- name: persons(members)
SELECT members.member_id, members.name, members.phone, members.joined_on, members.home_store, members.birthday
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id;
