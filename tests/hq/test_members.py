"""Import: rows are checked one by one, and coming twice changes nothing."""

from __future__ import annotations

import pytest

from hq_server.importing import Imported
from hq_server.members_csv import BadRow, NewMember, read_members
from loyalty_core.errors import BadInput
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY

HEAD = "member_id,lookups,name,phone,joined_on,home_store,birthday\n"
ROW = "M1,2000123456782;A-77,홍길동,010-1234-5678,2026-07-01,S012,1990-02-28\n"


def read(text: str) -> list[NewMember | BadRow]:
    return [row for _, row in read_members(text.splitlines(keepends=True), "KR")]


def test_a_row_is_read_into_one_form() -> None:
    assert read(HEAD + ROW) == [
        NewMember(
            member_id="M1",
            look_ups=("card:2000123456782", "card:A77", "phone:+821012345678"),
            name="홍길동",
            phone="+821012345678",
            joined_on=20635,
            home_store="S012",
            birthday=7363,
        )
    ]


def test_a_quoted_field_may_hold_commas_and_lines() -> None:
    (row,) = read('member_id,name\nM1,"Hong, Gildong"\n')
    assert isinstance(row, NewMember)
    assert row.name == "Hong, Gildong"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("M 1,,,,,,", "member_id_malformed"),
        ("M1,2000123456783,,,,,", "look_up_malformed"),
        ("M1,****,,,,,", "look_up_malformed"),
        ("M1,,,999,,,", "phone_malformed"),
        ("M1,,,,2026-02-30,,", "date_malformed"),
        ("M1,,,,20260701,,", "date_malformed"),
        ("M1,,,,2026-W27-3,,", "date_malformed"),
        ("M1,,,,,,1800-01-01", "date_malformed"),
        ("M1,,,,,,1899-12-31", "date_malformed"),
        ("M1,,,,,,2100-01-01", "date_malformed"),
        ("M1,,,,,S 1,", "store_malformed"),
        (f"M1,,{'x' * 101},,,,", "name_malformed"),
        ("M1,,Kim\x1b[2J,,,,", "name_malformed"),
        ("M1,a\x07b,,,,,", "look_up_malformed"),
        ("M1,,,,,", "row_length"),
        ("M1,,,,,,,", "row_length"),
        (f"M1,{';'.join(str(n) for n in range(100, 121))},,,,,", "look_up_malformed"),
    ],
)
def test_a_bad_row_is_told_with_its_line(row: str, code: str) -> None:
    found = read(HEAD + ROW + row + "\n")
    assert isinstance(found[0], NewMember)
    bad = found[1]
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (3, code)
    assert bad.sentence


@pytest.mark.parametrize("head", ["", "name\n", "member_id,colour\n", "member_id,member_id\n"])
def test_a_file_with_other_columns_is_refused(head: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(head + "x\n")
    assert caught.value.code == "csv_columns"


def test_a_file_that_is_no_csv_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput) as caught:
        read('member_id,name\nM1,"x"y\n')
    assert caught.value.code == "csv_broken"


async def test_importing_again_changes_nothing_and_tells_no_till(hq: Hq, tills: Tills) -> None:
    assert hq.members(HEAD + ROW) == Imported(added=1)
    till = await tills.join()
    await tills.exchange(till)
    assert hq.members(HEAD + ROW) == Imported(unchanged=1)
    assert (await tills.exchange(till)).pages == ()


async def test_a_changed_row_updates_what_is_given_and_tells_the_till(hq: Hq, tills: Tills) -> None:
    hq.members(HEAD + ROW)
    till = await tills.join()
    await tills.exchange(till)
    assert hq.members("member_id,name\nM1,김철수\n") == Imported(updated=1)
    await tills.exchange(till)
    assert till.members["M1"].masked_name == "김*수"
    assert hq.sql("SELECT phone, home_store FROM members") == [("+821012345678", "S012")]


def test_a_new_card_is_added_and_an_old_one_stays(hq: Hq) -> None:
    hq.members(HEAD + ROW)
    assert hq.members("member_id,lookups\nM1,B-88\n") == Imported(updated=1)
    names = {name for (name,) in hq.sql("SELECT look_up FROM member_look_ups")}
    assert names == {"card:2000123456782", "card:A77", "card:B88", "phone:+821012345678"}


def test_all_rows_with_a_look_up_of_another_member_are_told_and_nothing_is_taken_in(hq: Hq) -> None:
    found = hq.members("member_id,lookups\nM1,55501\nM2,55501\nM3,55503\n55503,\n77,M1\n")
    assert (found.added, [bad.line for bad in found.refused]) == (0, [3, 5, 6])
    assert {bad.code for bad in found.refused} == {"look_up_taken"}
    for table in ("members", "look_ups", "member_look_ups", "changes"):
        assert hq.sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


def test_a_birthday_still_to_come_is_refused_with_its_line(hq: Hq) -> None:
    done = hq.members("member_id,birthday\nM1,2026-11-21\nM2,2026-11-22\nM3,2062-11-21\n")
    assert [(bad.line, bad.code) for bad in done.refused] == [(3, "birthday_ahead"), (4, "birthday_ahead")]
    assert hq.sql("SELECT count(*) FROM members") == [(0,)]
    hq.members("member_id,birthday\nM1,2026-11-21\n")
    assert hq.sql("SELECT member_id, birthday FROM members") == [("M1", DAY)]


def test_two_rows_of_one_member_in_one_file_are_both_taken(hq: Hq) -> None:
    found = hq.members("member_id,lookups\nM1,55501\nM1,55502\n")
    assert (found.added, found.updated) == (1, 1)
