"""Headquarters comes back from a backup older than what a till has sent: nothing of the till's is lost."""

from __future__ import annotations

import asyncio
import random
import shlex
import shutil
from pathlib import Path

import aiohttp

from demo.processes import Hq, Till, until
from edge_agent.store import outbox
from tests.e2e.processes import STORE, Founded, House, house
from tests.e2e.test_systemd import SYSTEMD, settings
from tests.e2e.test_two_processes import MEMBERS, check, sales, sell


async def test_tills_hand_in_again_what_a_restored_headquarters_lacks(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(13)
    before, after, offline = sales(chance, 0, 40), sales(chance, 1000, 40), sales(chance, 2000, 20)
    async with house(tmp_path, founded) as at:
        await at.till.open()
        await sell(at, before)
        await at.settled(len(before))
        backups = tmp_path / "backups"
        backups.mkdir()
        await at.hq.told(*backup_words(backups))  # while it serves
        (backup,) = backups.iterdir()
        drilled = await at.hq.told("drill", backup)
        assert drilled["audited"]["events"] >= len(before)
        assert drilled["members"] == len(MEMBERS)
        assert not (at.hq.database.parent / "drill").exists()
        held = at.head_at_hq
        await sell(at, after)
        await at.settled(len(before + after))
        refused = await at.hq.run("restore", backup, "--replace")
        assert refused[0] == 1
        assert "error (database_in_use)" in refused[2]
        await at.hq.kill()
        shutil.rmtree(at.hq.database.parent)  # the disk is gone, the key with it
        await sell(at, offline)
        await at.hq.told("restore", backup)
        assert at.head_at_hq == held
        assert at.acknowledged > held
        await at.hq.serve()
        await until(lambda: at.head_at_hq == at.head, "headquarters was not filled again", 60)
        await at.settled(len(before + after + offline))
        await check(at, before + after + offline)
        stands = {member: (await at.hq.told("member", "show", member))["balance"] for member in MEMBERS}
        said: dict[str, int] = {}
        for _ in range(600):
            if (said := await balances_at_till(at)) == stands:
                break
            await asyncio.sleep(0.1)
        assert said == stands


async def test_a_till_that_joined_after_the_backup_comes_back_and_hands_in_all_it_has_sold(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(19)
    before, unknown, meanwhile = sales(chance, 0, 40), sales(chance, 1000, 20), sales(chance, 2000, 40)
    shutil.copytree(founded.folder, tmp_path / "early")
    await Hq(tmp_path / "early").told("backup", tmp_path / "early.db")
    async with house(tmp_path, founded) as at:
        await at.till.open()
        await sell(at, before)
        await at.settled(len(before))
        fingerprint = (await at.hq.told("terminal", "list"))[0]["fingerprint"]
        await at.hq.kill()
        shutil.rmtree(at.hq.database.parent)
        await at.hq.told("restore", tmp_path / "early.db")
        assert await at.hq.told("terminal", "list") == []
        await at.hq.serve()
        await sell(at, unknown)

        await until(lambda: link_error(at) == "terminal_unknown", "the till was not refused", 60)
        other = Till(tmp_path / "other", STORE)
        await other.enrol(at.line.url, await at.hq.invite(STORE))
        assert other.terminal_id.startswith(f"{at.till.terminal_id}-"), "the same id for two tills"
        invited = await at.hq.told("terminal", "invite", "--store", STORE, "--till", "T01", "--preapproved")
        selling = asyncio.create_task(sell(at, meanwhile))
        words = ("enrol", "--again", "--code", invited["code"])
        for known in (await at.till.told(*words), await at.till.told(*words)):
            assert (known["terminal"], known["fingerprint"]) == (at.till.terminal_id, fingerprint)
        await selling
        await at.settled(len(before + unknown + meanwhile))
        await check(at, before + unknown + meanwhile)


def link_error(at: House) -> str | None:
    """Return the code by which the till says that headquarters refuses it."""
    with at.store() as conn:
        return outbox.link(conn).error_code


async def balances_at_till(at: House) -> dict[str, int]:
    """Return what the till says that each member has."""
    headers = {"Authorization": f"Bearer {at.till.token}"}
    balances = {}
    async with aiohttp.ClientSession(at.till.address, headers=headers) as session:
        for member, card in MEMBERS.items():
            async with session.get(f"/v1/members/{card}") as response:
                balances[member] = (await response.json())["balance"]
    return balances


def backup_words(folder: Path) -> list[str]:
    """Return the words of the nightly unit's command, with another folder."""
    _, *words = shlex.split(settings(SYSTEMD / "dangol-hq-backup.service")["Service"]["ExecStart"])
    assert words[-1] == "/var/backups/dangol-hq"
    return [*words[:-1], str(folder)]
