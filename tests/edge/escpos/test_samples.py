"""Prints that five libraries made, where they lie beside the project."""

from __future__ import annotations

import pytest

from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Row
from tests.edge.escpos.made import ENGLISH, KOREAN, read_all
from tests.house_sources import ROOT

SAMPLES = ROOT.parent / "shared" / "data" / "escpos"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples beside the project are not here")


def sample(name: str) -> Row:
    """Return what the one paper of a sample is."""
    (path,) = SAMPLES.glob(f"*{name}*")
    (found,) = read_all(path.read_bytes(), KOREAN if "_ko_" in path.name else ENGLISH, till="T1")
    return found.row


@pytest.mark.parametrize("name", ["receiptline_ko_made", "node-thermal-printer_ko_made"])
def test_korean_receipts_are_read_however_their_columns_are_made(name: str) -> None:
    found = sample(name).receipt
    assert isinstance(found, Receipt)
    assert (found.receipt.number, found.receipt.till, found.occurred_at) == (
        "0007",
        "02",
        "2026-03-02T00:41:17",
    )
    assert found.net_minor == 12440
    assert [(one.quantity, one.net_minor) for one in found.lines] == [("2", 9960), ("1", 2980), ("1", -500)]
    assert [(one.type, one.amount_minor) for one in found.tenders] == [
        ("card", 10000),
        ("cash", 3000),
        ("cash", -560),
    ]


@pytest.mark.parametrize(
    ("name", "net"), [("python-escpos_en_made", 750), ("receipt-printer-encoder_en_made", 523)]
)
def test_english_receipts_are_read(name: str, net: int) -> None:
    found = sample(name).receipt
    assert isinstance(found, Receipt)
    assert (found.receipt.number, found.net_minor, len(found.lines)) == ("0007", net, 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [("image_only", "no_text"), ("credit1", "slip"), ("qr-code", "slip"), ("graphics", "slip")],
)
def test_what_is_no_receipt_is_passed_over(name: str, why: str) -> None:
    assert sample(name).passed == why


@pytest.mark.parametrize(
    ("name", "code"), [("line_en_receipt", "number_missing"), ("with-logo", "number_missing")]
)
def test_a_receipt_that_lacks_what_it_is_known_by_is_refused(name: str, code: str) -> None:
    found = sample(name)
    assert found.refusal is not None
    assert found.refusal.code == code
