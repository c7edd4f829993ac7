"""New members' rows that are damaged: found by `verify`, made again by a repair, and what is lost is said."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.repair.checking import check_derived
from edge_agent.repair.rebuilding import rebuild
from edge_agent.repair.repairing import Repaired, repair
from edge_agent.repair.telling import lines
from edge_agent.store import enrolments, outbox
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from edge_agent.store.migrations import open_database
from loyalty_core.events import MemberEnrolled
from loyalty_core.lookups import hashed
from loyalty_core.messages import Acknowledgement
from tests.edge.joining import NEW_CARD, PHONE, join
from tests.edge.made import LIFE, STORE_KEY, member, purchase
from tests.edge.repair.day import dump
from tests.edge.till import Till

ENROLMENTS = ("enrolment", "enrolment_look_up", "entry", "source")
DAMAGE = {
    "name": "UPDATE enrolment SET masked_name = '김*동'",
    "account": "UPDATE enrolment SET account = 'h:0'",
    "place": "UPDATE enrolment SET seq = 1",
    "place of none": "UPDATE enrolment SET seq = 99",
    "id": "UPDATE enrolment SET provisional = 'x'",
    "seal": "UPDATE enrolment SET blob = CAST(x'0000000000000000' || substr(blob, 9) AS BLOB)",
    "salt": "UPDATE enrolment SET salt = x'00'",
    "gave way": "UPDATE enrolment SET gave_way = 1",
    "gone": "DELETE FROM enrolment",
    "look-up": "UPDATE enrolment_look_up SET provisional = 'x'",
    "look-ups gone": "DELETE FROM enrolment_look_up",
    "key": "UPDATE sealing_key SET public_key = CAST(x'00' || substr(public_key, 2) AS BLOB)",
}
LOST = {"seal", "salt", "gone"}


def lived(till: Till) -> None:
    """Let somebody join who bought before and after."""
    till.record(purchase("1", member=NEW_CARD))
    join(till, card=NEW_CARD)
    till.record(purchase("2", member=PHONE))


def mended(till: Till) -> Repaired:
    till.close()
    done = repair(till.config, till.clock)
    till.conn = open_database(till.config.database)
    return done


def test_who_joined_is_filled_anew_from_the_journal_as_it_was(till: Till) -> None:
    lived(till)
    before = dump(till.conn, *ENROLMENTS)
    assert check_derived(till.conn) is None
    with transaction(till.conn):
        rebuild(till.conn, till.recorder)
    assert dump(till.conn, *ENROLMENTS) == before


def test_who_gave_way_stays_so(till: Till) -> None:
    lived(till)
    till.appear(
        member("M9", look_ups=tuple(hashed(form, STORE_KEY) for form in ("id:M9", f"card:{NEW_CARD}")))
    )
    before = dump(till.conn, "enrolment", "enrolment_look_up")
    assert check_derived(till.conn) is None
    with transaction(till.conn):
        rebuild(till.conn, till.recorder)
    assert dump(till.conn, "enrolment", "enrolment_look_up") == before
    assert till.standing(NEW_CARD).member_id == "M9"


@pytest.mark.parametrize("what", DAMAGE)
def test_whatever_is_damaged_is_found_and_made_again(till: Till, what: str) -> None:
    lived(till)
    balance = till.balance(PHONE)
    till.conn.execute(DAMAGE[what])
    assert verify(till.conn) or check_derived(till.conn)
    done = mended(till)
    assert done.fault is None
    assert till.balance(NEW_CARD) == till.balance(PHONE) == balance
    assert done.unsealed == (what in LOST)
    assert any("LOST" in line for line in lines(done)) == (what in LOST)
    assert till.standing(PHONE).masked_name is not None


def test_a_bit_of_a_seal_is_put_back_and_the_seal_sent_again(till: Till) -> None:
    lived(till)
    (before,) = enrolments.sealed(till.conn, 1, 1, 9)
    head = till.books().head
    with transaction(till.conn):
        outbox.acknowledge(till.conn, Acknowledgement("S012-T03", 1, 0, head.seq, head.hash, LIFE))
    flipped = bytes([before.blob[0] ^ 4]) + before.blob[1:]
    till.conn.execute("UPDATE enrolment SET blob = ?", (flipped,))
    assert enrolments.sealed(till.conn, 1, 1, 9) == ()
    assert mended(till).unsealed == 0
    assert enrolments.sealed(till.conn, 1, 1, 9) == (before,)
    assert outbox.acknowledged(till.conn, 1) == 1


def test_somebody_who_joined_again_while_the_row_was_damaged_is_no_fault(till: Till) -> None:
    join(till)
    till.conn.execute("UPDATE enrolment SET masked_name = 'x'")
    join(till, key="k2")
    assert mended(till).fault is None
    event = till.records()[-1].event
    assert isinstance(event, MemberEnrolled)
    row = member("M9", look_ups=(hashed("id:M9", STORE_KEY), *event.look_ups))
    till.appear(row)
    assert check_derived(till.conn) is None
    till.appear(msgspec.structs.replace(row, gone=True, look_ups=()))
    assert check_derived(till.conn) is None
