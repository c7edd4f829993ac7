"""A version for a future day, with tills of the real agent: each changes at the day's beginning if it has it,
keeps the last good one if not, and headquarters explains the difference afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loyalty_core.units import EpochMs
from tests.edge.made import at
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Client, Hq
from tests.hq.real_till import RealTill
from tests.hq.test_api import get
from tests.hq.test_audit import run_audit
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]

NEXT = (
    PROGRAMME.replace("version = 1", "version = 2")
    .replace("2026-07-01", "2026-11-23")
    .replace("points = 10\nlimit_per_day = 1", "points = 25\nlimit_per_day = 1")
    .replace("per = 1000", "per = 500")
)
BEFORE, AFTER = "2026-11-23 04:59", "2026-11-23 05:00"
"""The last minute of 22 November as a business day, and the first of the 23rd."""
CARD = "2000123456782"


@pytest.fixture
def chain(hq: Hq, tmp_path: Path) -> tuple[RealTill, RealTill]:
    """Two tills that have version 1; the second one's line is cut before version 2 is published."""
    hq.members(MEMBERS)
    hq.clock.now = at("2026-11-21 12:00")
    tills = [RealTill(tmp_path / name, hq, now="2026-11-21 12:00") for name in ("near", "far")]
    hq.publish(NEXT, retroactive=False)
    tills[0].exchange()
    return tills[0], tills[1]


def go(hq: Hq, when: str, *tills: RealTill) -> None:
    """Let it be this time for all."""
    hq.clock.now = EpochMs(at(when))
    for till in tills:
        till.clock.go_on(at(when) - till.clock.wall_ms())


def points(till: RealTill, when: str, key: str) -> int:
    return till.visit(CARD, when, key).redeemable


def test_a_till_that_has_the_version_in_time_changes_at_the_beginning_of_the_day(
    hq: Hq, chain: tuple[RealTill, RealTill]
) -> None:
    near, far = chain
    go(hq, BEFORE, near, far)
    assert points(near, BEFORE, "before") == 10
    go(hq, AFTER, near, far)
    assert points(near, AFTER, "after") == 25
    near.exchange()
    assert hq.balances()["M1"] == 35
    assert hq.sql("SELECT count(*) FROM award_differences") == [(0,)]
    run_audit(hq)


def test_a_till_that_was_cut_off_keeps_its_version_and_is_explained_afterwards(
    hq: Hq, chain: tuple[RealTill, RealTill]
) -> None:
    near, far = chain
    go(hq, AFTER, near, far)
    assert points(far, AFTER, "visit") == 10
    far.exchange()
    assert hq.balances()["M1"] == 25
    assert hq.sql("SELECT claimed_redeemable, redeemable, cause FROM award_differences") == [
        (10, 25, "programme_version")
    ]
    assert hq.exceptions() == []
    go(hq, "2026-11-24 09:00", far)
    assert points(far, "2026-11-24 09:00", "next day") == 25
    assert far.standing(on="2026-11-24").balance == 50
    far.exchange()
    assert len(hq.sql("SELECT 1 FROM award_differences")) == 1
    run_audit(hq)


async def test_headquarters_says_which_till_runs_by_which_version(
    hq: Hq, client: Client, shell: Shell, chain: tuple[RealTill, RealTill]
) -> None:
    near, far = chain

    async def told() -> list[tuple[int, str, int, list[str]]]:
        return [
            (one["version"], one["state"], one["tills_running"], one["tills_lacking"])
            for one in await get(client, hq, "/api/v1/programmes")
        ]

    near.exchange()
    assert await told() == [(1, "in_force", 2, []), (2, "to_come", 0, [far.terminal_id])]
    has = {one["terminal_id"]: one["programme_version"] for one in await get(client, hq, "/api/v1/terminals")}
    assert has == {near.terminal_id: 2, far.terminal_id: 1}
    lines = shell.run("programme", "list")[1].splitlines()
    assert [line.split()[-4:] for line in lines[1:3]] == [["in", "force", "2", "0"], ["to", "come", "0", "1"]]
    assert lines[-1].split() == [far.terminal_id, "1", "1"]
    go(hq, AFTER, near, far)
    assert await told() == [(1, "over", 1, []), (2, "in_force", 1, [far.terminal_id])]
    far.exchange()
    far.exchange()
    assert await told() == [(1, "over", 0, []), (2, "in_force", 2, [])]
    assert "lacks" not in shell.run("programme", "list")[1]


async def test_a_version_that_a_later_one_corrects_before_its_day_never_holds(hq: Hq, client: Client) -> None:
    hq.clock.now = at("2026-11-21 12:00")
    hq.publish(NEXT, retroactive=False)
    hq.publish(NEXT.replace("version = 2", "version = 3"), retroactive=False)
    states = [one["state"] for one in await get(client, hq, "/api/v1/programmes")]
    assert states == ["in_force", "over", "to_come"]


def test_the_difference_is_shown_before_and_when_it_is_published(
    hq: Hq, shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "next.toml"
    file.write_text(NEXT)
    lines = shell.run("programme", "diff", str(file), "--language", "en")[1].splitlines()
    assert lines == [
        "Version 2 (from 23 November 2026 on) differs from version 1 (from 1 July 2026 on):",
        "  Until then: spend: 1 point for every full 1,000 won of a purchase.",
        "  From then on: spend: 1 point for every full 500 won of a purchase.",
        "  Until then: visit: 10 points for each visit, at most once a business day.",
        "  From then on: visit: 25 points for each visit, at most once a business day.",
    ]
    korean = shell.run("programme", "diff", str(file))[1].splitlines()
    assert korean[:3] == [
        "버전 1(2026년 7월 1일부터) → 버전 2(2026년 11월 23일부터), 달라지는 점:",
        "  이전: spend: 구매 금액 1,000원을 채울 때마다 1점.",
        "  이후: spend: 구매 금액 500원을 채울 때마다 1점.",
    ]
    out = shell.run("programme", "publish", str(file), "--language", "en")[1].splitlines()
    assert out[:-1] == lines
    assert out[-1] == "moonlight version 2 is published, effective from 2026-11-23."
    again: Any = shell.json("programme", "publish", str(file))
    assert again["published_before"]
    both = shell.json("programme", "diff", "2", "1")
    assert (both["before"], both["version"], len(both["differences"])) == (2, 1, 2)
    assert shell.json("programme", "diff", "2")["differences"] == again["differences"]
    assert shell.json("programme", "diff", "1")["before"] is None
    assert shell.run("programme", "diff", "1", "1", "--language", "en")[1].splitlines()[1:] == [
        "  No rule is another."
    ]
    assert shell.refused("programme", "diff", "9") == "programme_not_found"
    assert shell.refused("programme", "diff", str(tmp_path / "none.toml")) == "file_unreadable"
