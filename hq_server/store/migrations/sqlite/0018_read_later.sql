-- A record that could not be read when it came is taken once a release can read it, and then the void of a visit that
-- could not be read. All else of an event stays as it came.

DROP TRIGGER event_is_never_changed;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON events
WHEN OLD.state = 'taken' OR NEW.state = 'unreadable'
  OR (OLD.store_id, OLD.terminal_id, OLD.epoch, OLD.branch, OLD.seq)
    IS NOT (NEW.store_id, NEW.terminal_id, NEW.epoch, NEW.branch, NEW.seq)
  OR (OLD.state = 'set_aside' AND (OLD.code, OLD.business_day) IS NOT (NEW.code, NEW.business_day))
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
