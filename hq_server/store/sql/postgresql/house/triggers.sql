-- name: triggers()
-- With what each one calls, and whether it is switched off.
SELECT CAST(tgname AS TEXT), CAST(relname AS TEXT),
  pg_get_triggerdef(pg_trigger.oid, true) || ';' || CAST(tgenabled AS TEXT) || ';' || prosrc
FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid
JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE NOT tgisinternal AND relnamespace = CAST(CAST(current_schema() AS TEXT) AS regnamespace)
ORDER BY CAST(tgname AS TEXT) COLLATE "C";
