"""Real POSLogs of two vendors, where they lie beside the project."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Here
from tests.edge.poslog.made import read
from tests.house_sources import ROOT

SAMPLES = ROOT.parent / "shared" / "data" / "poslog"
HERE = Here(store_id="9", zone=ZoneInfo("America/New_York"), currency=None)

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples beside the project are not here")


def sample(name: str) -> list[Receipt | str]:
    """Return what each transaction of a sample is: a receipt, or why it was passed over."""
    (path,) = Path(SAMPLES).glob(f"*{name}*")
    rows = read(path.read_bytes(), HERE)
    assert [row.refusal for row in rows if row.refusal] == []
    assert [row.notices for row in rows if row.notices] == []
    return [row.receipt if isinstance(row.receipt, Receipt) else row.passed for row in rows]


def test_a_sale_after_midnight_is_of_the_day_before_and_of_its_member() -> None:
    control, sale = sample("aftermidnight")
    assert control == "control"
    assert isinstance(sale, Receipt)
    assert (sale.net_minor, sale.receipt.business_date, sale.occurred_at) == (
        107,
        "2017-09-30",
        "2017-10-01T02:02:54",
    )
    assert (sale.member, sale.receipt.number) == ("0000000000000028403134012", "161")
    assert [(one.net_minor, one.quantity) for one in sale.lines] == [(126, "0.42")]


def test_a_voided_line_is_gone_and_the_total_believed() -> None:
    (sale,) = sample("voided_line")
    assert isinstance(sale, Receipt)
    assert (sale.net_minor, sale.tax_minor, len(sale.lines)) == (4390, 177, 7)
    assert "00000000062367" not in {one.sku for one in sale.lines}


def test_change_is_a_tender_below_zero() -> None:
    (sale,) = sample("multitender")
    assert isinstance(sale, Receipt)
    assert [(one.type, one.amount_minor) for one in sale.tenders] == [("cash", 2000), ("cash", -262)]
    assert sale.net_minor == 1738


def test_a_resumed_sale_is_a_purchase_under_its_own_number() -> None:
    (sale,) = sample("resume")
    assert isinstance(sale, Receipt)
    assert (sale.kind, sale.receipt.number, sale.receipt.till, sale.net_minor) == (
        "purchase",
        "114",
        "31",
        2045,
    )


def test_the_second_vendor_names_its_currency_in_attributes_and_its_store_by_unit() -> None:
    (sale,) = sample("retalix")
    assert isinstance(sale, Receipt)
    assert (sale.currency, sale.net_minor, sale.member, sale.receipt.store) == ("GBP", 657, None, "0610")
    assert sale.occurred_at == "2016-08-22T15:21:54.483370+01:00"
    assert [one.sku for one in sale.lines] == ["7583599", "1329421", "3545058"]
