"""POSLog files in the watched folder: sale, post-void and replacement count once, however often they come."""

from __future__ import annotations

from tests.edge.folder.shop import Shop
from tests.edge.poslog.made import SALE, line, link, poslog, total, transaction

VOID = transaction(
    total("12990") + link("Voided", "0042", date="", till=""), retail='TransactionStatus="PostVoided"'
).replace("0042", "0043", 1)
REPLACED = transaction(line("9000") + total("9000"), retail='TransactionStatus="Replaced"').replace(
    "0042", "0044"
)
NAMED = "<Customer><CustomerID>2000123456782</CustomerID></Customer></RetailTransaction>"


def named(written: str) -> str:
    return written.replace("</RetailTransaction>", NAMED)


async def points(shop: Shop) -> int:
    """Return what the till's own entries come to."""
    rows = await shop.writer.do(lambda conn: conn.execute("SELECT sum(redeemable) FROM entry").fetchone())
    return int(rows[0] or 0)


async def test_a_sale_that_is_voided_and_replaced_counts_once(shop: Shop) -> None:
    shop.write("a.xml", poslog(named(SALE), VOID, named(REPLACED)))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (3, [])
    assert await points(shop) == 9
    shop.write("b.xml", poslog(VOID, named(REPLACED)))
    shop.write("c.xml", poslog(named(SALE), space=""))
    await shop.settle()
    assert (await shop.count(), await points(shop), await shop.codes()) == (3, 9, [])


async def test_the_void_may_come_before_what_it_voids(shop: Shop) -> None:
    shop.write("a.xml", poslog(VOID))
    await shop.settle()
    shop.write("b.xml", poslog(named(SALE)))
    await shop.settle()
    assert (await shop.count(), await points(shop), await shop.codes()) == (2, 0, [])


async def test_a_file_that_is_still_written_waits_for_its_end(shop: Shop) -> None:
    whole = poslog(SALE, REPLACED)
    path = shop.write("a.xml", whole[: whole.index(b"0044")])
    for _ in range(5):
        assert await shop.look()
    assert await shop.count() == 0
    path.write_bytes(whole)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


async def test_a_transaction_that_stays_cut_is_set_aside_and_mended_when_it_is_whole(shop: Shop) -> None:
    whole = poslog(SALE, REPLACED)
    path = shop.write("a.xml", whole[:-60])
    await shop.look(0)
    await shop.look(60_000)
    assert (await shop.count(), await shop.codes()) == (1, ["transaction_cut"])
    path.write_bytes(whole)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])
