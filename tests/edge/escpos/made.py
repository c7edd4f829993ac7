"""Prints of our own making, in the ways of several tills."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

from edge_agent.pos_adapter.escpos.profile import Profile, profile
from edge_agent.pos_adapter.escpos.reading import Read, reads
from edge_agent.pos_adapter.handed_in import DayTotalIn
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Here, Row

KOREAN = Here(store_id="S012", zone=ZoneInfo("Asia/Seoul"), currency="KRW")
ENGLISH = Here(store_id="S012", zone=ZoneInfo("America/New_York"), currency="USD")
CUT = b"\x1dV\x00"

RECEIPT = """
      달빛마트 을지로점
사업자번호: 123-45-67890  TEL 02-123-4567
2026-11-20 10:31:05  POS:03  No:0042
------------------------------------------
상품명              단가   수량      금액
------------------------------------------
신라면 5입         4,980      2     9,960
흰우유 1L          2,980      1     2,980
ㄴ 빨대                0      1         0
에누리                               -500
------------------------------------------
과세물품가액                        8,600
부가세                                860
합계                               12,440
신용카드                           10,000
현금                                3,000
거스름돈                              560
회원번호 2000123456782  적립포인트   124
""".strip("\n")

SALE = """
          MOONLIGHT MART
11/20/2026 10:31 AM   Register: 3
Receipt #: 000042   Cashier: 7
Cola 500ml x2                  $3.98
Creme fraiche        1          1.25
Coffee beans
  2 @ 4.00                      8.00
Subtotal                       13.23
Sales Tax                       1.06
TOTAL                         $14.29
VISA                           10.00
CASH                            5.00
CHANGE                          0.71
Loyalty Card: 2000123456782
Points earned 14
""".strip("\n")

Z_KOREAN = (
    "일 마감 정산\nPOS:03\n영업일자: 2026-11-20\n출력 2026-11-21 02:10:00\n"
    "매출건수 128건\n총매출액 1,250,000\n반품액 -20,000\n순매출액 1,230,000"
)


def printed(text: str, encoding: str = "cp949", cut: bytes = CUT, begin: bytes = b"\x1b@") -> bytes:
    """Return the bytes that print a text and cut the paper."""
    return begin + text.replace("\n", "\r\n").encode(encoding) + b"\r\n\x1bd\x04" + cut


def read_all(
    data: bytes, here: Here = KOREAN, by: Profile | None = None, *, till: str = "", is_cut_short: bool = False
) -> list[Read]:
    chosen = by or profile("ko" if here is KOREAN else "en")
    return list(reads(io.BytesIO(data), here, profile=chosen, till=till, is_cut_short=is_cut_short))


def row(text: str, here: Here = KOREAN, **kinds: str) -> Row:
    """Return what one paper with this text is."""
    (found,) = read_all(printed(text, "cp949" if here is KOREAN else "cp437"), here, **kinds)  # type: ignore[arg-type]
    return found.row


def receipt(text: str, here: Here = KOREAN) -> Receipt:
    found = row(text, here)
    assert isinstance(found.receipt, Receipt), found
    return found.receipt


def total(text: str, here: Here = KOREAN) -> DayTotalIn:
    found = row(text, here)
    assert isinstance(found.receipt, DayTotalIn), found
    return found.receipt


def code(text: str, here: Here = KOREAN) -> str:
    """Return with which code a paper is refused."""
    found = row(text, here)
    assert found.refusal is not None, found
    return found.refusal.code
