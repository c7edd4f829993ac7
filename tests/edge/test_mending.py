"""What was set aside, shown, mended and handed in once more: counted once, and nothing lost on the way."""

from __future__ import annotations

import json

import pytest

from edge_agent import mending
from edge_agent.config import Csv
from edge_agent.pos_adapter.intake import Became
from edge_agent.store import quarantine
from edge_agent.store.database import transaction
from edge_agent.store.quarantine import Refused
from loyalty_core.errors import BadInput
from tests.edge.made import CARD, purchase
from tests.edge.poslog.made import line, link, total
from tests.edge.poslog.made import transaction as transaction_of
from tests.edge.till import Till

PLAIN = Csv()
HEADER = b"kind,store,till,number,occurred_at,member,net_minor\n"


def aside(till: Till, raw: bytes, adapter: str = "jsonl", place: str = "line 1") -> Refused:
    """Set an input aside."""
    one = Refused(
        adapter=adapter,
        source="a.jsonl",
        place=place,
        code="receipt_invalid",
        sentence="wrong",
        raw=raw,
        at_ms=5,
    )
    with transaction(till.conn):
        quarantine.put(till.conn, one, 100)
    return quarantine.open_rows(till.conn)[-1]


def mended(till: Till, refused: Refused, changes: dict[str, str], csv: Csv = PLAIN) -> Became:
    """Change fields of an input and hand it in."""
    raw = mending.changed(refused, csv, changes)
    with transaction(till.conn):
        return mending.mend(till.conn, till.config, till.recorder, refused, raw, "kim: " + ", ".join(changes))


def wrong(number: str = "1", **changed: object) -> bytes:
    return json.dumps(purchase(number) | {"net_minor": "12,990"} | changed).encode()


def test_the_fields_of_a_json_input_have_paths_and_their_own_texts(till: Till) -> None:
    raw = b'{"kind":"purchase","lines":[{"sku":"A","net_minor":5},{"sku":null}],"ok":true,"a.b":1,"e":{}}'
    fields = mending.fields_of(aside(till, raw), PLAIN)
    assert [(one.name, one.text) for one in fields] == [
        ("kind", "purchase"),
        ("lines[0].sku", "A"),
        ("lines[0].net_minor", "5"),
        ("lines[1].sku", "null"),
        ("ok", "true"),
    ]


def test_the_fields_of_a_csv_input_are_its_columns_by_row(till: Till) -> None:
    refused = aside(till, b"kind,number\npurchase,1\nreturn,2\n", "csv")
    fields = mending.fields_of(refused, PLAIN)
    assert [one.name for one in fields] == ["1.kind", "1.number", "2.kind", "2.number"]
    assert [one.text for one in fields] == ["purchase", "1", "return", "2"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 10_000, b'"text"', b"5"])
def test_what_has_no_fields_is_mended_as_text(till: Till, raw: bytes) -> None:
    fields = mending.fields_of(aside(till, raw), PLAIN)
    assert [one for one in fields if one.name] == []


def test_a_field_that_is_put_right_is_recorded_and_settles_the_input(till: Till) -> None:
    refused = aside(till, wrong("2"))
    assert mended(till, refused, {"net_minor": "12990"}).became == "recorded"
    assert mending.changed(refused, PLAIN, {"receipt.number": "0012"}).count(b'"0012"') == 1
    raw = json.dumps(purchase() | {"net_minor": 0, "currency": "JPY"}).encode()
    other = aside(till, raw, place="line 2")
    became = mended(till, other, {"net_minor": "12990", "currency": "KRW"})
    assert became.outcome is not None
    assert (became.became, became.outcome.redeemable) == ("recorded", 12)
    settled, *_ = quarantine.settled(till.conn, 5)
    assert (settled.quarantine_id, settled.state) == (other.quarantine_id, "mended")
    assert settled.reason == "kim: net_minor, currency"


def test_what_is_refused_again_stays_as_it_came(till: Till) -> None:
    refused = aside(till, wrong())
    became = mended(till, refused, {"net_minor": "x"})
    assert became.became == "refused"
    assert quarantine.open_rows(till.conn) == [refused]


def test_what_was_mended_and_then_comes_corrected_counts_once(till: Till) -> None:
    raw = json.dumps(purchase() | {"currency": "JPY"}).encode()
    mended(till, aside(till, raw), {"currency": "KRW"})
    again = till.record(purchase())
    assert again.repeated
    assert till.standing(CARD).balance == 12


def test_two_who_mend_the_same_record_it_once(till: Till) -> None:
    refused = aside(till, json.dumps(purchase() | {"currency": "JPY"}).encode())
    assert mended(till, refused, {"currency": "KRW"}).became == "recorded"
    for changes in ({"currency": "KRW"}, {"currency": "KRW", "receipt.number": "2"}):
        with pytest.raises(BadInput) as late:
            mended(till, refused, changes)
        assert late.value.code == "quarantine_unknown"
    assert till.standing(CARD).balance == 12


def test_what_was_settled_and_comes_again_can_be_mended_again(till: Till) -> None:
    raw = json.dumps(purchase() | {"currency": "JPY"}).encode()
    refused = aside(till, raw)
    assert given_up(till, refused, "typed wrong") == ""
    again = aside(till, raw)
    assert (again.quarantine_id, again.raw) == (refused.quarantine_id, raw)
    assert mended(till, again, {"currency": "KRW"}).became == "recorded"


def test_letters_that_the_tills_encoding_lacks_are_refused(till: Till) -> None:
    csv = Csv(encoding="cp949")
    refused = aside(till, HEADER + b"purchase,S012,T03,5,2026-11-20T10:31:00+09:00,,1\n", "csv")
    with pytest.raises(BadInput) as wrong_letters:
        mending.changed(refused, csv, {"1.member": "\N{GRINNING FACE}"})
    assert wrong_letters.value.code == "encoding_wrong"


def test_the_text_to_be_mended_is_the_inputs_own(till: Till) -> None:
    raw = b"\x01\xe2\x80\x8bab\n"
    refused = aside(till, raw)
    text = mending.text_of(refused, PLAIN)
    assert text is not None
    assert mending.encoded(refused, PLAIN, text) == raw
    assert mending.text_of(aside(till, b"a" * 30_000, place="2"), PLAIN) is None
    assert mending.text_of(aside(till, b"\xff", place="3"), PLAIN) is None


def test_a_poslog_in_other_letters_than_it_says_is_mended_as_text(till: Till) -> None:
    raw = transaction_of(line("9000", sku="골프공") + total("9,000")).encode("cp949")
    refused = aside(till, raw, "poslog")
    text = mending.text_of(refused, PLAIN)
    assert text is not None
    assert "골프공" in text
    mended = mending.encoded(refused, PLAIN, text.replace("골프공", "축구공"))
    assert mended == raw.replace("골프공".encode("cp949"), "축구공".encode("cp949"))


def test_a_cell_of_a_csv_input_is_mended_in_its_encoding(till: Till) -> None:
    csv = Csv(encoding="cp949")
    raw = HEADER + "purchase,S012,T03,5,2026-11-20T10:31:00+09:00,카드,x\n".encode("cp949")
    refused = aside(till, raw, "csv")
    assert mending.fields_of(refused, csv)[5].text == "카드"
    changed = mending.changed(refused, csv, {"1.net_minor": "12,990"})
    assert changed == raw.replace(b",x\n", b',"12,990"\n')


def test_a_field_that_is_not_there_is_not_made(till: Till) -> None:
    with pytest.raises(BadInput) as refused:
        mending.changed(aside(till, wrong()), PLAIN, {"lines[0].sku": "A"})
    assert refused.value.code == "field_unknown"


def test_retrying_tells_the_reason_of_now(till: Till) -> None:
    refused = aside(till, wrong())
    with transaction(till.conn):
        became = mending.retry(till.conn, till.config, till.recorder, refused, 9)
    (stands,) = quarantine.open_rows(till.conn)
    assert became.code == stands.code
    assert stands.sentence == became.sentence != "wrong"
    assert (stands.at_ms, stands.times) == (9, 2)


def test_an_input_is_shown_so_that_it_steers_nothing(till: Till) -> None:
    shown = mending.shown(aside(till, "\x1b[31m\u202eab\u200b\tc\n<script>".encode()), PLAIN)
    assert shown.text == "\u241b[31m\\u202eab\\u200b\tc\n<script>"
    assert shown.is_text
    binary = mending.shown(aside(till, b"\xff\x00a", place="2"), PLAIN)
    assert (binary.text, binary.is_text) == ("\\xff\u2400a", False)
    long = mending.shown(aside(till, b"a" * 50_000, place="3"), PLAIN)
    assert (len(long.text), long.is_cut, long.bytes) == (mending.SHOWN_MAX, True, 50_000)


def test_giving_up_takes_a_reason_and_happens_once(till: Till) -> None:
    refused = aside(till, wrong())
    assert given_up(till, refused, "  ") == "reason_missing"
    assert quarantine.count_open(till.conn) == 1
    assert given_up(till, refused, "typed wrong") == ""
    assert given_up(till, refused, "again") == "quarantine_unknown"
    (settled,) = quarantine.settled(till.conn, 5)
    assert (settled.state, settled.reason) == ("discarded", "typed wrong")


def given_up(till: Till, refused: Refused, reason: str) -> str:
    """Give an input up; return the code with which that is refused, or nothing."""
    try:
        with transaction(till.conn):
            mending.discard(till.conn, refused.quarantine_id, reason)
    except BadInput as error:
        return error.code
    return ""


def test_a_csv_input_in_other_letters_than_ours_is_handed_in_again(till: Till) -> None:
    raw = "store;till;number;occurred_at;net_minor;sku\nS012;T03;1;2026-11-20T10:31:00;5;골프공\n".encode(
        "cp949"
    )
    refused = aside(till, raw, "csv")
    with transaction(till.conn):
        became = mending.retry(till.conn, till.config, till.recorder, refused, 6)
    assert became.became == "recorded"
    assert quarantine.count_open(till.conn) == 0


def test_an_input_that_is_a_void_and_a_sale_is_handed_in_again_as_both(till: Till) -> None:
    replaced = transaction_of(
        line("9000") + total("9000") + link("Replaced"), retail='TransactionStatus="Replaced"'
    )
    refused = aside(till, replaced.encode(), "poslog")
    with transaction(till.conn):
        became = mending.retry(till.conn, till.config, till.recorder, refused, 6)
    assert became.became == "recorded"
    keys = [key for (key,) in till.conn.execute("SELECT natural_key FROM source ORDER BY natural_key")]
    assert [key.partition("/")[0] for key in keys] == ["purchase", "void"]


def test_an_input_of_which_nothing_is_kept_is_to_come_with_its_file(till: Till) -> None:
    refused = aside(till, b"", "poslog", "file")
    with transaction(till.conn):
        became = mending.retry(till.conn, till.config, till.recorder, refused, 6)
    assert (became.became, became.sentence) == (
        "refused",
        "hand in the whole file again: edge-agent take FILE",
    )
