"""`verify --repair`: a damaged database made whole, or what is lost said exactly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from edge_agent import signed_programmes
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.repair import joined
from edge_agent.repair.asking import programmes_of
from edge_agent.repair.checking import check_derived, present_keys
from edge_agent.repair.mending import Mended, mend, plan
from edge_agent.repair.rebuilding import rebuild
from edge_agent.repair.salvage import lost, salvage, with_its_bit, with_its_head
from edge_agent.service import alone
from edge_agent.store import enrolments, hq_keys, terminal
from edge_agent.store.database import Connection, StoreError, transaction
from edge_agent.store.integrity import Fault, damaged_pages, end_repair, verify
from edge_agent.store.migrations import open_database
from edge_agent.store.terminal import Terminal
from edge_agent.sync.install import keep_programme
from loyalty_core.errors import BrokenChain
from loyalty_shell.data_dir import check_user


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """Where the old file is, if it was put aside, what became of records, how many were read to rebuild.

    Of `unsealed` new members who they are is lost here, and HQ has not told of them yet.
    """

    aside: str | None
    mended: list[Mended]
    rebuilt: int
    fault: Fault | None
    unsealed: int = 0


def repair(config: EdgeConfig, clock: Clock) -> Repaired:
    """Make this till's database whole; nothing is changed where nothing is wrong. The agent must not run.

    Raises:
        BadInput: `already_running`.
        StoreError: `store_lost`: replace the till.
        LinkError: records or rules must come from HQ, which does not answer: nothing was changed.
        BrokenChain: `repair_failed`.
    """
    check_user(config.data_dir)
    with alone(config.data_dir):
        aside = with_its_head(config.database)
        aside = _readable(config.database) or aside
        conn = open_database(config.database)
        try:
            return _repair(conn, config, clock, aside)
        finally:
            conn.close()


def _readable(database: Path) -> Path | None:
    """Let SQLite read the whole database; return where the old one is, None where it could."""
    try:
        return salvage(database) if _is_damaged(database) else None
    except StoreError as error:
        aside = with_its_bit(database) if error.code == "store_lost" else None
        if aside is None:
            raise
        return aside


def _is_damaged(database: Path) -> bool:
    try:
        return damaged_pages(database)
    except StoreError as error:
        if error.code == "store_damaged":
            raise lost() from error
        raise


def _repair(conn: Connection, config: EdgeConfig, clock: Clock, aside: Path | None) -> Repaired:
    if terminal.is_lost(conn):
        raise lost()
    identity = terminal.read(conn)
    made = plan(conn, config, identity)
    mended, rebuilt, told = list[Mended](), 0, None if aside is None else str(aside)
    if made.mends or verify(conn) is not None or check_derived(conn) is not None:
        with transaction(conn):
            terminal.write(conn, identity)
            for kind, public_key in present_keys(identity):
                hq_keys.put_back(conn, kind, public_key)
            mended = mend(conn, made)
            _restore_programmes(conn, config, identity)
            enrolments.forget_damaged_key(conn)
            rebuilt = rebuild(conn, Recorder(config, clock))
            end_repair(conn)
    return Repaired(
        aside=told,
        mended=mended,
        rebuilt=rebuilt,
        unsealed=joined.lost(conn),
        fault=verify(conn) or check_derived(conn),
    )


def _restore_programmes(conn: Connection, config: EdgeConfig, identity: Terminal) -> None:
    """Have HQ send the versions again that are damaged: points that are booked anew without them are lost.

    Raises:
        LinkError: HQ does not answer.
        BrokenChain: `repair_failed`: it does not send them.
    """
    if not signed_programmes.damaged(conn):
        return
    for data in asyncio.run(programmes_of(conn, config, identity)):
        keep_programme(conn, identity, data)
    for version in signed_programmes.damaged(conn):
        raise BrokenChain(
            f"programme version {version} is damaged and HQ does not send it again: publish it there once "
            "more, or call HQ",
            code="repair_failed",
        )
