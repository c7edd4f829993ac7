"""Several servers on one PostgreSQL: whichever tills come to and whatever ends, all counts once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.servers import chain
from tests.postgresql import Cluster

OF_POSTGRESQL = {"database_unreachable", "commit_unknown", "database_busy"}


async def test_tills_go_on_at_another_server_when_one_is_killed(postgresql: Cluster, tmp_path: Path) -> None:
    name = postgresql.database()
    async with chain(tmp_path, postgresql.url(name), 3, seed=1) as shop:
        trade = asyncio.create_task(shop.trade(8))
        for number in range(3):
            await shop.answers(8, trade)
            await shop.servers[number].kill()
            await shop.servers[number].start("serve")
        await trade
        await shop.trade(2)
        shop.check()
    postgresql.drop(name)


async def test_a_postgresql_that_crashes_in_the_middle_loses_and_doubles_nothing(
    durable_postgresql: Cluster, tmp_path: Path
) -> None:
    name = durable_postgresql.database()
    async with chain(tmp_path, durable_postgresql.url(name), 2, seed=2) as shop:
        trade = asyncio.create_task(shop.trade(8))
        for _ in range(3):
            await shop.answers(6, trade)
            await asyncio.to_thread(durable_postgresql.restart)
        await trade
        await shop.trade(2)
        assert set(shop.told) <= {*OF_POSTGRESQL, "terminal_busy"}
        shop.check()
    durable_postgresql.drop(name)


async def test_what_servers_share_is_backed_up_and_restored_by_commands_and_tills_bring_the_rest(
    postgresql: Cluster, tmp_path: Path
) -> None:
    name, backup = postgresql.database(), tmp_path / "backup.db"
    async with chain(tmp_path, postgresql.url(name), 2, seed=3) as shop:
        one, other = shop.servers
        await shop.trade(3)
        await one.told("backup", backup)  # while both serve
        await shop.trade(2)
        shop.check()
        shop.hq.leave()
        status, _, said = await one.run("restore", backup, "--replace")
        assert (status, "error (database_in_use)" in said) == (1, True), said
        await asyncio.gather(one.kill(), other.kill())
        assert "(database_exists)" in (await one.run("restore", backup))[2]
        restored = await one.told("restore", backup, "--replace")
        assert restored["set_aside"][0].startswith("the schema replaced_")
        assert (await other.told("audit"))["events"] < sum(len(till.records) for till in shop.tills)
        await asyncio.gather(one.start("serve"), other.start("serve"))
        await shop.hand_in()
        shop.check()
    postgresql.drop(name)
