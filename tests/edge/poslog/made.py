"""POSLog of our own making: transactions as several vendors would write them."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

from edge_agent.config import PosLog
from edge_agent.pos_adapter.poslog.transactions import rows
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Here, Row

V2 = "http://www.nrf-arts.org/IXRetail/namespace/"
V6 = "http://www.nrf-arts.org/IXRetail/v6.0.0/poslog"
HERE = Here(store_id="S012", zone=ZoneInfo("Asia/Seoul"), currency="KRW")
HEAD = (
    "<RetailStoreID>S012</RetailStoreID><WorkstationID>T03</WorkstationID><SequenceNumber>0042</SequenceNumber>"
    "<BusinessDayDate>2026-11-20</BusinessDayDate><EndDateTime>2026-11-20T10:31:00</EndDateTime>"
    "<CurrencyCode>KRW</CurrencyCode>"
)


def line(
    net: str, quantity: str = "1", sku: str = "A1", kind: str = "Sale", flags: str = "", more: str = ""
) -> str:
    """One line that is sold, or comes back."""
    return (
        f"<LineItem {flags}><{kind}><POSIdentity><POSItemID>{sku}</POSItemID></POSIdentity>"
        f"<ExtendedAmount>{net}</ExtendedAmount><Quantity>{quantity}</Quantity>{more}</{kind}></LineItem>"
    )


def tender(amount: str, kind: str = "Cash", flags: str = "") -> str:
    return f'<LineItem><Tender TenderType="{kind}" {flags}><Amount>{amount}</Amount></Tender></LineItem>'


def total(amount: str, kind: str = "TransactionGrandAmount", flags: str = "") -> str:
    return f'<Total TotalType="{kind}" {flags}>{amount}</Total>'


def link(reason: str, number: str = "0041", date: str = "2026-11-19", till: str = "T02") -> str:
    day = f"<BusinessDayDate>{date}</BusinessDayDate>" if date else ""
    place = f"<WorkstationID>{till}</WorkstationID>" if till else ""
    return (
        f'<TransactionLink ReasonCode="{reason}"><RetailStoreID>S012</RetailStoreID>{place}'
        f"<SequenceNumber>{number}</SequenceNumber>{day}</TransactionLink>"
    )


def transaction(inside: str = "", *, head: str = HEAD, flags: str = "", retail: str = "") -> str:
    return (
        f"<Transaction {flags}>{head}<RetailTransaction {retail}>{inside}</RetailTransaction></Transaction>"
    )


SALE = transaction(line("12000") + line("990", sku="B2") + tender("12990") + total("12990"))


def poslog(*transactions: str, space: str = V2, declared: str = "UTF-8") -> bytes:
    """A whole file; in UTF-8 whatever it says."""
    begin = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    named = f' xmlns="{space}"' if space else ""
    return f"{begin}<POSLog{named}>{''.join(transactions)}</POSLog>".encode()


def read(data: bytes | str, here: Here = HERE, **stores: str) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(rows(io.BytesIO(raw), here, settings=PosLog(stores=stores)))


def one(data: bytes | str, here: Here = HERE) -> Row:
    (row,) = read(data, here)
    return row


def receipt(data: bytes | str, here: Here = HERE) -> Receipt:
    row = one(data, here)
    assert isinstance(row.receipt, Receipt), row
    return row.receipt


def code(data: bytes | str, here: Here = HERE) -> str:
    """Return with which code a transaction is refused."""
    row = one(data, here)
    assert row.refusal is not None, row
    return row.refusal.code
