"""What was set aside, at the page: shown whatever it is, mended, handed in, given up, and journaled."""

from __future__ import annotations

import asyncio
import json
from html import unescape

import pytest

from edge_agent.recorder import Recorder
from edge_agent.standing import standing
from edge_agent.store import quarantine
from loyalty_core.units import Day
from tests.edge.made import CARD, day, purchase
from tests.edge.technician.bench import QUARANTINE, Bench, words

HOSTILE = {
    "script": b"</pre><script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "control": "\x00\x1b[31m\x07\x9b".encode(),
    "bidi": "\u202e\u2066abc\u200b\ufeff".encode(),
    "binary": bytes(range(256)),
    "large": b"a" * 1_000_000,
    "keys": json.dumps({'"><script>alert(1)</script>': "</input>", "a": "\u202e"}).encode(),
}
HEADER = "kind,store,till,number,occurred_at,member,net_minor\n"


def wrong(number: str = "1", **changed: object) -> bytes:
    """Return a purchase in another currency."""
    return json.dumps(purchase(number) | {"currency": "JPY"} | changed).encode()


def open_numbers(bench: Bench) -> list[int]:
    return [one.quarantine_id for one in quarantine.open_rows(bench.gate.conn)]


def balance(bench: Bench) -> int:
    """Return the points of the card's holder."""
    recorder, conn = Recorder(bench.gate.config, bench.gate.clock), bench.gate.conn
    owner = recorder.owner(conn, recorder.books(conn), CARD)
    assert owner is not None
    return standing(conn, recorder.books(conn), owner.account, Day(day("2026-11-20"))).balance


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("adapter", ["jsonl", "csv"])
async def test_whatever_was_set_aside_is_shown_and_steers_nothing(
    bench: Bench, raw: bytes, adapter: str
) -> None:
    await bench.log_in()
    number = bench.set_aside(raw, adapter)
    rows, page = await bench.page(QUARANTINE), await bench.page(f"{QUARANTINE}/{number}")
    assert "JPY is not this programme's currency" in words(rows)
    assert "JPY is not this programme's currency" in words(page)
    for html in (rows, page):
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert len(html) < 100_000
    shown = page.partition('<pre class="raw"')[2].partition("</pre>")[0]
    assert not {"\x00", "\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff"} & set(unescape(shown))


async def test_a_field_is_mended_and_counts_once_though_the_file_comes_again(bench: Bench) -> None:
    await bench.log_in()
    number = bench.set_aside(wrong())
    page = await bench.page(f"{QUARANTINE}/{number}")
    assert 'name="field.currency" value="JPY"' in page
    said = words(await bench.press(f"{QUARANTINE}/{number}/mend", **{"field.currency": "KRW"}))
    assert f"Input {number} is recorded as S012-T03" in said
    assert "Nothing is set aside." in said
    assert balance(bench) == 12
    for raw, says in ((wrong(), "mend"), (json.dumps(purchase()).encode(), "retry")):
        again = bench.set_aside(raw, place="line 7")
        said = words(await bench.press(f"{QUARANTINE}/{again}/{says}", **{"field.currency": "KRW"}))
        assert f"Input {again} was recorded before, as S012-T03" in said
    assert (balance(bench), open_numbers(bench)) == (12, [])
    (who, what, outcome), *_ = bench.actions()
    assert (who, what, outcome.split(" ")[0]) == ("Han", "quarantine_mend", "recorded")
    assert [one[2].split(" ")[0] for one in bench.actions()] == ["recorded", "repeated", "repeated"]


async def test_a_cell_of_a_csv_is_mended(bench: Bench) -> None:
    await bench.log_in()
    row = f"purchase,S012,T03,5,2026-11-20T10:31:00+09:00,{CARD},x\n"
    number = bench.set_aside((HEADER + row).encode(), "csv")
    await bench.page(f"{QUARANTINE}/{number}")
    said = await bench.press(f"{QUARANTINE}/{number}/mend", **{"field.1.net_minor": "12990"})
    assert f"Input {number} is recorded" in words(said)
    assert balance(bench) == 12


async def test_the_text_itself_is_mended_as_a_browser_sends_it(bench: Bench) -> None:
    await bench.log_in()
    number = bench.set_aside(b'{"kind": "purchase",')
    assert 'name="text"' in await bench.page(f"{QUARANTINE}/{number}")
    text = json.dumps(purchase()) + "\r\n"
    said = await bench.press(f"{QUARANTINE}/{number}/mend", **{"as": "text", "text": text})
    assert f"Input {number} is recorded" in words(said)
    assert balance(bench) == 12


async def test_what_is_refused_again_says_why_and_keeps_what_was_typed(bench: Bench) -> None:
    await bench.log_in()
    number = bench.set_aside(wrong())
    page = await bench.press(f"{QUARANTINE}/{number}/mend", **{"field.currency": "USD"})
    assert "Refused:" in words(page)
    assert 'name="field.currency" value="USD"' in page
    page = await bench.press(f"{QUARANTINE}/{number}/mend", **{"field.there_is_none": "1"})
    assert "field_unknown" in page
    (stands,) = quarantine.open_rows(bench.gate.conn)
    assert (stands.quarantine_id, stands.raw) == (number, wrong())


async def test_to_hand_in_again_tells_the_outcome_of_now(bench: Bench) -> None:
    await bench.log_in()
    good, bad = bench.set_aside(json.dumps(purchase()).encode()), bench.set_aside(wrong("2"), place="2")
    said = words(await bench.press(f"{QUARANTINE}/{bad}/retry"))
    assert "Refused:" in said
    assert "JPY is not this programme's currency" not in said
    said = words(await bench.press(f"{QUARANTINE}/retry"))
    assert "1 of 2 were recorded." in said
    assert open_numbers(bench) == [bad]
    assert good not in open_numbers(bench)
    (_, first, refusal), (_, second, all_of_them) = bench.actions()
    assert (first, second, all_of_them) == ("quarantine_retry", "quarantine_retry", "1 of 2")
    assert refusal != ""


async def test_giving_up_takes_a_reason_which_stays_to_be_read(bench: Bench) -> None:
    await bench.log_in()
    number = bench.set_aside(wrong())
    assert "reason_missing" in await bench.press(f"{QUARANTINE}/{number}/discard", reason="  ")
    assert open_numbers(bench) == [number]
    assert bench.actions() == []
    said = words(await bench.press(f"{QUARANTINE}/{number}/discard", reason="a <b>test</b> receipt"))
    assert "Given up; the reason is kept." in said
    assert "given up a <b>test</b> receipt" in words(await bench.page(QUARANTINE))
    assert bench.actions() == [("Han", "quarantine_discard", "a <b>test</b> receipt")]


async def test_two_technicians_who_mend_the_same_at_once_record_it_once(bench: Bench) -> None:
    other = bench.beside()
    await bench.log_in()
    await other.log_in(pass_id="P2", person="Seo")
    number = bench.set_aside(wrong())
    for one in (bench, other):
        await one.page(f"{QUARANTINE}/{number}")
    answers = await asyncio.gather(
        bench.press(f"{QUARANTINE}/{number}/mend", **{"field.currency": "KRW"}),
        other.press(f"{QUARANTINE}/{number}/mend", **{"field.currency": "KRW"}),
    )
    told = sorted("quarantine_unknown" in one for one in answers)
    assert told == [False, True]
    assert balance(bench) == 12
    assert len(bench.actions()) == 1


async def test_what_is_not_there_is_a_page_that_says_so(bench: Bench) -> None:
    await bench.log_in()
    answer = await bench.browser.get(f"{QUARANTINE}/99")
    assert answer.status == 404
    assert "quarantine_unknown" in await answer.text()


async def test_many_are_shown_in_pages(bench: Bench) -> None:
    await bench.log_in()
    numbers = [bench.set_aside(wrong(str(at)), place=str(at)) for at in range(60)]
    first = await bench.page(QUARANTINE)
    second = await bench.page(f"{QUARANTINE}?after={numbers[49]}")
    assert (first.count("Open input"), second.count("Open input")) == (50, 10)
    assert "60 inputs wait" in words(second)
    for after in ("x", "-1", "9" * 40, "١"):
        assert (await bench.page(f"{QUARANTINE}?after={after}")).count("Open input") == 50


async def test_an_input_that_is_one_value_has_no_fields_and_is_refused_in_a_sentence(bench: Bench) -> None:
    await bench.log_in()
    for raw, adapter, fields in ((b"5", "jsonl", {"field.": "6"}), (b"", "csv", {})):
        number = bench.set_aside(raw, adapter)
        assert 'name="field.' not in await bench.page(f"{QUARANTINE}/{number}")
        assert "Refused:" in words(await bench.press(f"{QUARANTINE}/{number}/mend", **fields))


async def test_what_a_browser_would_change_or_cannot_hold_is_no_field(bench: Bench) -> None:
    await bench.log_in()
    texts = {"lines": "two\nlines", "nul": "a\x00b", "long": "x" * 1_000_000, "plain": "as\tit is"}
    page = await bench.page(f"{QUARANTINE}/{bench.set_aside(json.dumps(texts).encode())}")
    assert [name for name in texts if f'name="field.{name}"' in page] == ["plain"]
    assert len(page) < 100_000


async def test_all_have_their_turn_to_be_handed_in_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.admin.quarantine.RETRIED_AT_ONCE", 2)
    await bench.log_in()
    bench.set_aside(wrong("2"), place="2")
    bench.set_aside(wrong("3"), place="3")
    bench.gate.clock.wall += 1
    bench.set_aside(json.dumps(purchase()).encode(), place="4")
    bench.gate.clock.wall += 1
    assert "0 of 2 were recorded." in words(await bench.press(f"{QUARANTINE}/retry"))
    assert "1 of 2 were recorded." in words(await bench.press(f"{QUARANTINE}/retry"))


async def test_a_list_of_what_is_set_aside_reads_no_input(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.log_in()
    bench.set_aside(wrong())
    read: list[quarantine.Refused] = []
    made = quarantine._refused

    def seen(row: tuple[object, ...]) -> quarantine.Refused:
        read.append(made(row))
        return read[-1]

    monkeypatch.setattr(quarantine, "_refused", seen)
    await bench.page(QUARANTINE)
    assert [(one.place, one.raw) for one in read] == [("line 1", b"")]
