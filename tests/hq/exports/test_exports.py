"""Taking out all of one kind: whole, in order, and nothing in it becomes a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hq_server.exports import tables
from hq_server.exports.cells import BOM, Text, as_typed, inert
from hq_server.exports.tables import TABLES, What, pages
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import Client, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import purchase
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]
EVERY = sorted(TABLES)


def read_csv(text: str) -> list[dict[str, str]]:
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def rows(hq: Hq, what: What) -> Iterator[dict[str, Any]]:
    with hq.reading() as tx:
        for page in pages(tx, what):
            for row in page:
                yield dict(zip(TABLES[what].columns, row, strict=True))


@pytest.fixture
async def traded(hq: Hq, tills: Tills) -> Hq:
    """A house with members, movements, a merge, and something that does not fit."""
    hq.members(MEMBERS)
    till = await tills.join()
    for number in range(5):
        till.record(purchase(f"{number}", 1000 * (number + 1), member="id:M1"))
    till.record(purchase("9", member="card:99"))
    till.record(purchase("10", member="id:M2"))
    await tills.send(till)
    Desk(hq).merge("M2", "M1")
    return hq


@pytest.mark.parametrize(
    "text",
    [
        *("=1+1", "+82", "-1", "@x", "\tx", "\rx", "\nx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"),
        *("'x", "'=x", "''+x", "'", "x", "", "x=1"),
    ],
)
def test_a_text_is_no_formula_and_can_be_taken_in_again(text: str) -> None:
    assert not inert(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20"))
    assert as_typed(inert(text)) == text


def test_a_number_stays_a_number_and_a_list_is_one_cell() -> None:
    text = Text(("a", "b", "c", "d"), "csv")
    told = text.begin() + text.more([(-5, ("=x", "y"), {"k": 1}, None)]) + text.end()
    assert told == BOM + 'a,b,c,d\r\n-5,\'=x;y,"{""k"":1}",\r\n'


def test_json_is_whole_with_no_one_and_many_rows() -> None:
    for count in (0, 1, 3):
        text = Text(("a",), "json")
        told = text.begin() + "".join(text.more([(n,)]) for n in range(count)) + text.more([]) + text.end()
        assert json.loads(told) == [{"a": n} for n in range(count)]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(Text(("a",), "json").begin() + Text(("a",), "json").more([(1,)]))


async def test_members_come_out_as_they_go_in(traded: Hq) -> None:
    found = {one["member_id"]: one for one in rows(traded, "members")}
    assert sorted(found) == ["M1", "M2"]
    assert (found["M1"]["name"], found["M1"]["state"], found["M1"]["merged_into"]) == (
        "홍길동",
        "present",
        None,
    )
    assert (found["M2"]["state"], found["M2"]["merged_into"]) == ("merged", "M1")
    assert "2000123456782" in found["M1"]["lookups"]


async def test_every_movement_comes_out_once(traded: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(rows(traded, "entries"))
    balance = sum(one["redeemable"] for one in whole)
    assert balance == sum(traded.balances().values())
    assert (
        len({one["entry"] for one in whole}) == len(whole) == traded.sql("SELECT count(*) FROM entries")[0][0]
    )
    for size in (1, 2, len(whole)):
        monkeypatch.setattr(tables, "PAGE", size)
        assert list(rows(traded, "entries")) == whole
        assert len(list(rows(traded, "members"))) == 2


async def test_what_is_open_and_what_was_decided_come_out(traded: Hq) -> None:
    (held,) = rows(traded, "exceptions")
    assert (held["kind"], held["subject"]) == ("member_unknown", "card:99")
    (merged,) = rows(traded, "decisions")
    assert (merged["number"], merged["kind"], merged["made_by"]) == (1, "merge", "kim")
    assert list(rows(traded, "cases")) == []


@pytest.mark.parametrize("what", EVERY)
async def test_a_command_writes_a_new_file_for_its_owner(
    traded: Hq, shell: Shell, tmp_path: Path, what: What
) -> None:
    file = tmp_path / "out"
    told = shell.json("export", what, str(file), "--format", "json")
    assert (told["rows"], file.stat().st_mode & 0o777) == (len(json.loads(file.read_text("utf-8"))), 0o600)
    assert shell.refused("export", what, str(file)) == "file_exists"
    file.unlink()
    shell.run("export", what, str(file))
    assert len(read_csv(file.read_bytes().decode())) == told["rows"]
    with traded.reading() as tx:
        kept = [
            row[4:] for row in tx.all("house.accesses", subject="", who="", since_ms=0, before=99, count=9)
        ]
    assert kept == [("read", f"export {what}", "*")] * 3


async def test_a_file_that_cannot_be_written_whole_is_not_left(
    traded: Hq, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device", "out")

    monkeypatch.setattr("hq_server.cli.exports.pages", full)
    assert shell.refused("export", "members", str(tmp_path / "out")) == "disk_full"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("what", EVERY)
async def test_a_request_streams_all_of_one_kind(
    traded: Hq, client: Client, what: What, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 2)
    headers = {"Authorization": f"Bearer {traded.token}"}
    answer = await client.get(f"/api/v1/exports/{what}?format={form}", headers=headers)
    assert answer.status == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{what}.{form}"'
    text = (await answer.read()).decode()
    found = json.loads(text) if form == "json" else read_csv(text)
    assert len(found) == len(list(rows(traded, what)))


async def test_no_stream_comes_where_only_its_head_was_asked_for(traded: Hq, client: Client) -> None:
    headers = {"Authorization": f"Bearer {traded.token}"}
    answer = await client.head("/api/v1/exports/members", headers=headers)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert (await client.get("/api/v1/terminals", headers=headers)).status == 200


async def test_a_stream_that_fails_in_the_middle_is_seen_to_be_cut(
    traded: Hq, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def further(*_: Any) -> Any:
        raise RuntimeError("no further")

    monkeypatch.setattr(tables, "PAGE", 1)
    monkeypatch.setattr("hq_server.exports.cells.Text.end", further)
    headers = {"Authorization": f"Bearer {traded.token}"}
    answer = await client.get("/api/v1/exports/members", headers=headers)
    with pytest.raises(Exception, match="payload"):
        await answer.read()


def test_what_was_taken_out_is_taken_in_again(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    hq.members("member_id,lookups,name,phone\nM1,2000123456782,=홍,010-1234-5678\n")
    shell.run("export", "members", str(tmp_path / "out.csv"))
    found = read_csv((tmp_path / "out.csv").read_bytes().decode())
    assert (found[0]["phone"], found[0]["name"]) == ("'+821012345678", "'=홍")
    with (tmp_path / "in.csv").open("w", encoding="utf-8-sig", newline="") as file:
        names = [name for name in found[0] if name not in ("state", "merged_into")]
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(found)
    assert shell.json("member", "import", str(tmp_path / "in.csv"))["unchanged"] == 1
