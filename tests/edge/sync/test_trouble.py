"""Headquarters absent, slow or lying: it is said, nothing is lost, and sales go on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge_agent.metrics import of_store, of_till
from edge_agent.status import status
from edge_agent.store import programmes
from edge_agent.sync.exchange import SENTENCE_MAX, LinkError
from edge_agent.sync.loop import TELL_MS
from loyalty_core.messages import Page, Refusal
from loyalty_shell.exposition import expose
from tests.edge.fake_hq import FakeHq, Spoil
from tests.edge.made import config_of, enrol_till, member, programme
from tests.edge.sync.linked_till import LinkedTill

LIES: list[tuple[Spoil, str]] = [
    ("nonsense", "hq_nonsense"),
    ("half", "hq_nonsense"),
    ("html", "hq_nonsense"),
    ("deep", "hq_nonsense"),
    ("huge", "hq_nonsense"),
    ("redirect", "hq_nonsense"),
    ("not found", "hq_nonsense"),
    ("other key", "hq_wrong_key"),
    ("other key on receipts", "hq_wrong_key"),
    ("stale nonce", "hq_stale"),
]


@pytest.mark.parametrize(("spoil", "code"), LIES)
async def test_what_headquarters_did_not_say_to_this_question_is_dropped_and_sales_go_on(
    till: LinkedTill, hq: FakeHq, spoil: Spoil, code: str
) -> None:
    await till.sell(1)
    hq.spoil = spoil
    hq.pages = [Page(3, 0, 5, (member(),))]
    hq.programmes = [programme(8)]
    await till.turn()
    link = await till.link()
    assert (link.error_code, link.answered_at_ms) == (code, None)
    assert "\n" not in (link.error or "")
    assert (await till.waiting(), await till.cursor(3)) == (1, 0)
    assert await till.reader.do(programmes.highest) == 7
    await till.sell(2)
    hq.spoil = None
    await till.turn()
    assert (await till.waiting(), await till.cursor(3)) == (0, 5)


async def test_an_absent_headquarters_is_a_state_and_not_an_error(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    till = LinkedTill(config, FakeHq())
    for failures in range(1, 4):
        await till.sell(failures)
        await till.turn()
        assert till.loop._failures == failures
    link = await till.link()
    assert (link.error_code, await till.waiting()) == ("hq_unreachable", 3)
    await till.close()


async def test_a_headquarters_that_does_not_answer_is_given_up_after_a_while(
    tmp_path: Path, hq: FakeHq
) -> None:
    config = config_of(tmp_path)
    config = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, timeout_ms=100))
    hq.enrol(config)
    hq.may_answer.clear()
    till = LinkedTill(config, hq)
    await till.turn()
    assert (await till.link()).error_code == "hq_timeout"
    await till.close()


@pytest.mark.parametrize("chance", [0.0, 0.5])
async def test_what_headquarters_says_of_its_trouble_is_shown_and_its_wait_obeyed(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch, chance: float
) -> None:
    """Those that were sent away at one instant for as long would else be back at one instant."""
    monkeypatch.setattr("edge_agent.sync.loop.random.random", lambda: chance)
    hq.problem = (503, {"code": "server_busy", "detail": "too many tills"}, {"Retry-After": "7"})
    wait_ms = 7000 + int(chance * till.config.sync.retry_first_ms)
    assert await till.turn() == wait_ms
    link = await till.link()
    assert (link.error_code, link.error) == ("server_busy", "HQ says: too many tills")
    assert link.next_try_ms == till.clock.wall + wait_ms


async def test_no_word_of_whoever_answers_steers_a_terminal_or_fills_it(till: LinkedTill, hq: FakeHq) -> None:
    hq.problem = (503, {"code": "server_busy", "detail": "\x1b]0;you are mine\x07\r\n" + "x" * 50_000}, {})
    await till.turn()
    told = (await till.link()).error or ""
    assert told.startswith("HQ says: ?]0;you are mine???xxx")
    assert told.isprintable()
    assert len(told) == SENTENCE_MAX


@pytest.mark.parametrize("code", ["Kim 010-9876-5432", "01098765432", "", "x" * 65, "busy\n"])
async def test_what_is_no_code_is_not_taken_for_one(till: LinkedTill, hq: FakeHq, code: str) -> None:
    hq.problem = (503, {"code": code, "detail": "too many tills"}, {})
    await till.turn()
    assert (await till.link()).error_code == "hq_nonsense", "codes go into logs and figures"


async def test_a_code_that_this_release_does_not_know_is_told_as_one_and_its_sentence_shown(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.problem = (403, {"code": "call_kim_now", "detail": "this till is too old"}, {})
    await till.turn()
    link = await till.link()
    assert (link.error_code, link.error) == ("hq_refused", "HQ says: this till is too old")
    hq.problem, hq.refuse = None, Refusal(1, 1, "call_kim_now", "this batch is too old", 0)
    await till.turn()
    link = await till.link()
    assert (link.error_code, link.error) == ("hq_refused", "HQ refuses a batch: this batch is too old")
    outcomes = "\n".join(expose([till.loop.exchanges.family()]).splitlines())
    assert "call_kim_now" not in outcomes


async def test_the_log_ends_with_how_the_link_is_however_often_it_came_and_went(
    till: LinkedTill, hq: FakeHq, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for problem, waited_ms in [
        (None, 0),
        (None, TELL_MS),
        ("server_busy", TELL_MS),
        (None, TELL_MS - 1),
        ("server_busy", 0),
        (None, 1),
        (None, TELL_MS),
    ]:
        till.clock.go_on(waited_ms)
        hq.problem = (503, {"code": problem}, {}) if problem else None
        await till.turn()
    told = [record.__dict__ for record in caplog.records if record.msg == "link_changed"]
    assert [(one["code"], one["after_ms"]) for one in told] == [
        ("up", 0),
        ("server_busy", 2 * TELL_MS),
        ("up", TELL_MS),
    ]


@pytest.mark.parametrize(("code", "most"), [("terminal_pending", 10_000), ("terminal_revoked", 300_000)])
async def test_a_till_that_waits_for_approval_asks_again_soon(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch, code: str, most: int
) -> None:
    settings = msgspec.structs.replace(till.config.sync, retry_first_ms=1000, retry_max_ms=300_000)
    till.config = till.loop._config = msgspec.structs.replace(till.config, sync=settings)
    monkeypatch.setattr("edge_agent.sync.loop.random.random", lambda: 1.0)
    hq.problem = (403, {"code": code, "detail": "not yet"}, {})
    till.loop._failures = 20
    assert await till.turn() == most


async def test_headquarters_cannot_send_a_till_away_for_more_than_an_hour(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.problem = (503, {"code": "server_busy", "detail": "too many tills"}, {"Retry-After": "99999"})
    wait_ms = await till.turn()
    assert 3_600_000 <= wait_ms <= 3_600_000 + till.config.sync.retry_first_ms


async def test_a_refusal_of_the_key_is_told_and_nothing_is_lost(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1)
    hq.problem = (403, {"code": "key_unknown", "detail": "this till is not approved"}, {})
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("key_unknown", 1)


@pytest.mark.parametrize("code", ["journal_behind", "fork"])
async def test_a_journal_that_headquarters_does_not_take_is_told_as_that(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """What it acknowledges then is the journal that it holds, which is not this one."""
    await till.sell(1)
    hq.journal().records, hq.journal().hashes = [b"other"], [bytes(32)] * 2
    refusal = Refusal(1, 1, code, "record 1 says something else than what HQ holds", 0)
    hq.change_reply = lambda reply: msgspec.structs.replace(reply, refusals=(refusal,))
    monkeypatch.setattr(hq, "_keep", lambda data: None)
    await till.turn()
    link = await till.link()
    assert (link.error_code, link.refused_code) == (code, code)
    assert link.error == f"HQ refuses this till's journal: {refusal.sentence}"
    assert await till.waiting() == 1


async def test_a_refusal_of_an_older_journal_stops_no_newer_one(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1)
    refusal = Refusal(0, 1, "fork", "record 1 says something else than what HQ holds", 0)
    hq.change_reply = lambda reply: msgspec.structs.replace(reply, refusals=(refusal,))
    await till.turn()
    assert ((await till.link()).refused_code, await till.waiting()) == (None, 0)


async def test_a_headquarters_that_acknowledges_nothing_is_not_asked_without_pause(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1)
    hq.silent = True
    assert await till.turn() > 0
    hq.next_in_ms = 0
    assert await till.turn() > 0


async def test_the_link_is_up_since_it_came_up(till: LinkedTill, hq: FakeHq) -> None:
    await till.turn()
    up = (await till.link()).since_ms
    till.clock.go_on(1000)
    await till.turn()
    assert (await till.link()).since_ms == up
    hq.spoil = "nonsense"
    till.clock.go_on(1000)
    await till.turn()
    assert (await till.link()).since_ms == till.clock.wall
    told = await till.reader.do(lambda conn: status(conn, till.config, till.clock))
    told_s = (till.clock.wall - 1000) // 1000
    text = expose([*of_till(told), *await till.reader.do(of_store), till.loop.exchanges.family()])
    for figure in (
        "dangol_edge_hq_up 0",
        f"dangol_edge_hq_last_answer_timestamp_seconds {told_s}",
        'dangol_edge_exchanges_total{outcome="ok"} 2',
    ):
        assert f"\n{figure}\n" in text


async def test_what_goes_wrong_is_one_error_with_a_code(till: LinkedTill, hq: FakeHq) -> None:
    hq.spoil = "nonsense"
    with pytest.raises(LinkError) as failed:
        await till.loop.once()
    assert failed.value.code == "hq_nonsense"
