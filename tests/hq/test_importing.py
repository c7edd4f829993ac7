"""Members come in by the file: as if one after the other, all of them or none."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from hq_server import importing
from hq_server.importing import Imported, import_rows
from hq_server.members_csv import BadRow, NewMember, read_members
from loyalty_core.errors import BadInput
from tests.hq.conftest import Hq, Tills, copy_of
from tests.hq.desk import Desk
from tests.hq.events import purchase

HEAD = "member_id,lookups,name,phone,home_store,birthday\n"
TABLES = ("members", "look_ups", "member_look_ups", "attachments", "held_receipts", "held_hashes")


def state(hq: Hq) -> list[object]:
    """Return what an import writes, but for the numbers of changes."""
    told = hq.sql("SELECT bucket, member_id, audience FROM changes ORDER BY 1, 2, 3")
    return [told, *[sorted(hq.sql(f"SELECT * FROM {table}"), key=repr) for table in TABLES]]  # noqa: S608


def rows_of(lines: Sequence[str]) -> list[tuple[int, NewMember | BadRow]]:
    return list(read_members([HEAD, *lines], "KR"))


def take(hq: Hq, lines: Sequence[str]) -> Imported:
    good = [(line, row) for line, row in rows_of(lines) if isinstance(row, NewMember)]
    with hq.writing() as tx:
        return import_rows(tx, good, hq.clock())


def drawn(seed: int) -> list[str]:
    """Return rows with members, cards and phones that meet again and again."""
    draw = random.Random(seed)
    made = []
    for _ in range(30):
        number = draw.randrange(12)
        cards = ";".join(
            {f"{draw.choice([number, draw.randrange(12)]) + 55500}" for _ in range(draw.randrange(3))}
        )
        phone = f"010-1234-{draw.choice([number, draw.randrange(12)]):04}" if draw.random() < 0.5 else ""
        member = draw.choice([f"M{number}", f"M{number}", f"{number + 55500}", f"0101234{number:04}"])
        made.append(f"{member},{cards},N{draw.randrange(3)},{phone},S{sum(member.encode()) % 2},\n")
    return made


@pytest.mark.parametrize("seed", range(8))
def test_many_rows_at_once_are_as_one_after_the_other(
    hq: Hq, founded: Hq, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    singly = copy_of(founded, tmp_path_factory.mktemp("singly"))
    lines = drawn(seed)
    refused = [number for number, line in enumerate(lines) if take(singly, [line]).refused]
    told = take(hq, lines)
    assert [bad.line - 2 for bad in told.refused] == refused
    assert bool(hq.sql("SELECT count(*) FROM members") == [(0,)]) == bool(refused)
    taken = [line for number, line in enumerate(lines) if number not in refused]
    assert not take(hq, taken).refused
    assert state(hq) == state(singly)


async def test_what_waited_for_any_of_many_names_is_theirs(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number, named in enumerate(("card:55501", "id:A-7", "card:01012340009")):
        till.record(purchase(f"{number}", 5000 * (number + 1), member=named))
    await tills.send(till)
    done = take(hq, ["M1,55501,A,,S012,\n", "A-7,,B,,,\n", "M9,,C,010-1234-0009,,\n"])
    assert (done.added, done.attached >= 2) == (3, True)
    assert hq.balances().keys() >= {"M1", "A-7"}


async def test_where_more_names_wait_than_are_looked_through_the_same_is_attached(
    hq: Hq, tills: Tills, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "HELD_MAX", 1)
    await test_what_waited_for_any_of_many_names_is_theirs(hq, tills)


def test_rows_are_looked_for_in_parts_as_at_once(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ASKED_AT_ONCE", 2)
    lines = [f"M{number},{55500 + number},N,010-1234-{number:04},,\n" for number in range(7)]
    assert take(hq, lines).added == 7
    assert take(hq, lines).unchanged == 7


def test_a_card_of_somebody_who_was_erased_stays_theirs(hq: Hq) -> None:
    take(hq, ["M1,55501,A,,,\n"])
    desk = Desk(hq)
    desk.erase("M1")
    refused = take(hq, ["M2,55501,B,,,\n", "M1,,A,,,\n"]).refused
    assert [(bad.line, bad.code) for bad in refused] == [(2, "look_up_taken"), (3, "member_erased")]


def test_a_file_that_is_too_long_is_refused_whole(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROWS_MAX", 2)
    with pytest.raises(BadInput) as caught:
        take(hq, ["M1,,,,,\n"] * 3)
    assert caught.value.code == "import_too_large"


def test_bad_rows_of_the_file_are_told_with_those_of_the_house(hq: Hq) -> None:
    good = [(3, row) for _, row in rows_of(["M1,,,,,2099-01-01\n"]) if isinstance(row, NewMember)]
    with hq.writing() as tx:
        told = import_rows(tx, good, hq.clock(), [BadRow(2, "row_length", "x"), BadRow(4, "row_length", "x")])
    assert [bad.line for bad in told.refused] == [2, 3, 4]
