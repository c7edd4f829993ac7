"""Tills with a watched folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.config import Folder
from tests.edge.folder.shop import MakeShop, Shop
from tests.edge.made import HeldClock, config_of, enrol_till, folder_of


@pytest.fixture
async def make_shop(tmp_path: Path) -> AsyncIterator[MakeShop]:
    shops: list[Shop] = []

    async def make(**changed: object) -> Shop:
        of_folder = {name: changed.pop(name) for name in Folder.__struct_fields__ if name in changed}
        (tmp_path / "in").mkdir()
        config = config_of(tmp_path, folder=folder_of(tmp_path / "in", **of_folder), **changed)
        enrol_till(config)
        shops.append(Shop(config, HeldClock()))
        return shops[-1]

    yield make
    for shop in shops:
        await asyncio.to_thread(shop.writer.close)


@pytest.fixture
async def shop(make_shop: MakeShop) -> Shop:
    return await make_shop()
