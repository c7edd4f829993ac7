-- name: make_house(bucket_count, incarnation_random, made_at_ms)!
-- Once, at init.
INSERT INTO house ("only", bucket_count, incarnation_counter, incarnation_random, made_at_ms)
VALUES (1, :bucket_count, 1, :incarnation_random, :made_at_ms);

-- name: house()^
SELECT bucket_count, incarnation_counter, incarnation_random FROM house;

-- name: begin_life(incarnation_counter, incarnation_random)!
-- After a restore: tills forget what they knew of the life before.
UPDATE house SET incarnation_counter = :incarnation_counter, incarnation_random = :incarnation_random;

-- name: publish_programme(version, programme_id, effective_from, text, envelope, published_at_ms)!
INSERT INTO programmes (version, programme_id, effective_from, text, envelope, published_at_ms)
VALUES (:version, :programme_id, :effective_from, :text, :envelope, :published_at_ms);

-- name: triggers()
SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name;

-- name: programme_texts()
SELECT text FROM programmes ORDER BY version;

-- name: programme_text(version)^
SELECT text FROM programmes WHERE version = :version;

-- name: programmes()
SELECT version, programme_id, effective_from, published_at_ms, text FROM programmes ORDER BY version;

-- name: programmes_as_signed()
SELECT version, programme_id, effective_from, text, envelope FROM programmes ORDER BY version;

-- name: programme_envelopes(after)
-- As the newest key that signed them did.
SELECT coalesce(
  (SELECT again.envelope FROM programme_envelopes AS again WHERE again.version = programmes.version
    ORDER BY again.number DESC LIMIT 1),
  envelope)
FROM programmes WHERE version > :after ORDER BY version;

-- name: add_token(name, hash, made_at_ms, scopes, answers)!
INSERT INTO tokens (name, hash, made_at_ms, scopes, answers) VALUES (:name, :hash, :made_at_ms, :scopes, :answers)
ON CONFLICT (name) DO NOTHING;

-- name: tokens()
SELECT name, made_at_ms, revoked_at_ms, scopes, answers FROM tokens ORDER BY made_at_ms, name;

-- name: token_of(hash)^
SELECT name, scopes FROM tokens WHERE hash = :hash AND revoked_at_ms IS NULL;

-- name: token(name)^
SELECT answers FROM tokens WHERE name = :name;

-- name: revoke_token(name, revoked_at_ms)!
UPDATE tokens SET revoked_at_ms = :revoked_at_ms WHERE name = :name AND revoked_at_ms IS NULL;

-- name: count_imported(outcome, files)*!
INSERT INTO imported (outcome, files) VALUES (:outcome, :files)
ON CONFLICT (outcome) DO UPDATE SET files = imported.files + excluded.files;

-- name: imported()
SELECT outcome, files FROM imported ORDER BY outcome;

-- name: form()
-- Every migration that has been applied.
SELECT number, checksum FROM migrations ORDER BY number;

-- name: write_something(by)!
-- Done there and back in one transaction it changes nothing and tells whether the disk takes it: SQLite does not
-- write a page on which nothing became another.
UPDATE house SET incarnation_counter = incarnation_counter + :by;
