"""The journal on the technician's page: what stands there, whatever is asked for; looking writes nothing."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from edge_agent.acting import Action
from edge_agent.admin.journal import ACTIONS
from edge_agent.recorder import Recorder
from edge_agent.store import journal, terminal
from edge_agent.store.database import transaction
from tests.edge.made import purchase, recorded
from tests.edge.pages.doors import code_of
from tests.edge.technician.bench import Bench, words

JOURNAL = "/admin/journal"


def sell(bench: Bench, number: str) -> None:
    with transaction(bench.gate.conn):
        recorded(Recorder(bench.gate.config, bench.gate.clock), bench.gate.conn, purchase(number))


def head(bench: Bench) -> int:
    return journal.head(bench.gate.conn, terminal.read(bench.gate.conn)).seq


@pytest.mark.parametrize(("language", "word"), [("en", "Purchase"), ("ko", "구매")])
async def test_what_was_recorded_is_shown_in_words(bench: Bench, language: str, word: str) -> None:
    sell(bench, "00077")
    await bench.log_in("observer")
    bench.speaks(language)
    seen = words(await bench.page(JOURNAL))
    assert word in seen
    assert "00077" in seen


def test_every_action_has_words() -> None:
    assert set(ACTIONS) == set(get_args(Action))


@pytest.mark.parametrize(("language", "word"), [("en", "Logged in"), ("ko", "로그인")])
async def test_what_technicians_did_is_shown_in_words(bench: Bench, language: str, word: str) -> None:
    await bench.log_in()
    bench.speaks(language)
    assert word in re.sub("<header.*?</header>", "", await bench.page(JOURNAL), flags=re.DOTALL)


async def test_to_look_writes_nothing(bench: Bench) -> None:
    sell(bench, "1")
    await bench.log_in("observer")
    before = head(bench)
    for path in (JOURNAL, f"{JOURNAL}/1/1", f"{JOURNAL}?kind=purchase_recorded"):
        await bench.page(path)
    assert head(bench) == before


async def test_a_record_is_shown_in_full(bench: Bench) -> None:
    sell(bench, "00077")
    await bench.log_in()
    found = re.findall(r"/admin/journal/1/(\d+)", await bench.page(f"{JOURNAL}?kind=purchase_recorded"))
    seq = found[0]
    seen = words(await bench.page(f"{JOURNAL}/1/{seq}"))
    for told in ("00077", "12990", "the hash follows", "waits to be sent"):
        assert told in seen


@pytest.mark.parametrize(
    "query",
    [
        "kind=%3Cscript%3E",
        "day=yesterday",
        "epoch=x",
        "before=-1",
        "epoch=99",
        "before=0",
        "kind=damaged",
        "day=2026-13-01",
    ],
)
async def test_whatever_is_asked_for_the_page_stands(bench: Bench, query: str) -> None:
    await bench.log_in()
    page = await bench.page(f"{JOURNAL}?{query}")
    assert "<script>" not in page.partition("<main")[2]


async def test_a_record_that_is_not_there_is_said_so(bench: Bench) -> None:
    await bench.log_in()
    answer = await bench.browser.get(f"{JOURNAL}/1/999")
    assert (answer.status, code_of(await answer.text())) == (404, "record_unknown")
