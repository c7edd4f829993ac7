"""The audit looks at what forbids changing the past: each trigger stands, as it was made, and no other."""

from __future__ import annotations

import pytest

from hq_server.audit import Difference
from tests.hq.conftest import Hq
from tests.hq.test_audit import run_audit

REFUSES = "BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END"
CALLS = "EXECUTE FUNCTION refuse('an entry is never changed')"
NEVER_CHANGED = "CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON"
ON_SQLITE = {
    "gone": ("DROP TRIGGER entry_is_never_changed",),
    "refuses less": (
        "DROP TRIGGER entry_is_never_changed",
        f"{NEVER_CHANGED} entries WHEN OLD.kind = 'earn' {REFUSES}",
    ),
    "on another table": ("DROP TRIGGER entry_is_never_changed", f"{NEVER_CHANGED} events {REFUSES}"),
    "that nobody made": (
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN UPDATE totals SET qualifying = 9; END",
    ),
}
ON_POSTGRESQL = {
    "gone": ("DROP TRIGGER entry_is_never_changed ON entries",),
    "refuses less": (
        "DROP TRIGGER entry_is_never_changed ON entries",
        f"{NEVER_CHANGED} entries FOR EACH ROW WHEN (OLD.kind = 'earn') {CALLS}",
    ),
    "on another table": (
        "DROP TRIGGER entry_is_never_changed ON entries",
        f"{NEVER_CHANGED} events FOR EACH ROW {CALLS}",
    ),
    "that nobody made": (f"CREATE TRIGGER more AFTER INSERT ON entries FOR EACH ROW {CALLS}",),
    "switched off": ("ALTER TABLE entries DISABLE TRIGGER entry_is_never_changed",),
    "only for replicas": ("ALTER TABLE entries ENABLE REPLICA TRIGGER entry_is_never_changed",),
    "that calls what refuses nothing": (
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ),
}


@pytest.mark.sqlite("its words")
@pytest.mark.parametrize("damage", ON_SQLITE)
def test_the_audit_names_a_trigger_that_is_not_as_it_was_made(hq: Hq, damage: str) -> None:
    named(hq, ON_SQLITE[damage])


@pytest.mark.postgresql("its words")
@pytest.mark.parametrize("damage", ON_POSTGRESQL)
def test_the_audit_names_a_trigger_of_postgresql_that_is_not_as_it_was_made(hq: Hq, damage: str) -> None:
    named(hq, ON_POSTGRESQL[damage])


def named(hq: Hq, damage: tuple[str, ...]) -> None:
    run_audit(hq)
    for text in damage:
        hq.sql(text)
    with pytest.raises(Difference, match=r"trigger (\w+_is_never_\w+|more)"):
        run_audit(hq)
