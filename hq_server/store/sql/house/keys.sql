-- name: keys()
SELECT kind, number, public_key, made_at_ms, said, dropped_at_ms FROM hq_keys ORDER BY kind, number;

-- name: add_key(kind, number, public_key, made_at_ms, said)!
INSERT INTO hq_keys (kind, number, public_key, made_at_ms, said)
VALUES (:kind, :number, :public_key, :made_at_ms, :said);

-- name: sign_key_again(kind, number, said)!
UPDATE hq_keys SET said = :said WHERE kind = :kind AND number = :number;

-- name: drop_key(kind, number, dropped_at_ms)!
UPDATE hq_keys SET dropped_at_ms = :dropped_at_ms WHERE kind = :kind AND number = :number AND dropped_at_ms IS NULL;

-- name: sign_programme_again(version, number, envelope)!
INSERT INTO programme_envelopes (version, number, envelope) VALUES (:version, :number, :envelope);

-- name: programmes_signed_again()
SELECT version, number, envelope FROM programme_envelopes ORDER BY version, number;

-- name: sealing_private_key()^
SELECT private_key FROM sealing_keys WHERE number = 1;

-- name: sealing_public_key()^
SELECT public_key FROM sealing_keys WHERE number = 1;

-- name: add_sealing_key(private_key, public_key, made_at_ms)!
INSERT INTO sealing_keys (number, private_key, public_key, made_at_ms)
VALUES (1, :private_key, :public_key, :made_at_ms)
ON CONFLICT (number) DO NOTHING;
