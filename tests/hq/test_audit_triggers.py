"""The audit looks at what forbids changing the past: each trigger stands, as it was made, and no other."""

from __future__ import annotations

import pytest

from hq_server.audit import Difference
from tests.hq.conftest import Hq
from tests.hq.test_audit import run_audit

REFUSES = "BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END"
GONE = "DROP TRIGGER entry_is_never_changed"
DAMAGE = {
    "a trigger that is gone": (GONE,),
    "a trigger that refuses less": (
        GONE,
        f"CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entries WHEN OLD.kind = 'earn' {REFUSES}",
    ),
    "a trigger on another table": (
        GONE,
        f"CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON events {REFUSES}",
    ),
    "a trigger that nobody made": (
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN UPDATE totals SET qualifying = 9; END",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_a_trigger_that_is_not_as_it_was_made(hq: Hq, damage: str) -> None:
    run_audit(hq)
    for text in DAMAGE[damage]:
        hq.sql(text)
    with pytest.raises(Difference, match=r"trigger (entry_is_never_changed|more)"):
        run_audit(hq)
