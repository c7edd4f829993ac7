"""What the largest messages take of headquarters, and small ones that unpack to large ones."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable

import msgspec

from hq_server.exchange import exchange
from hq_server.quotas import Quotas
from hq_server.web_context import ANSWERING, CONFIG, DATABASE
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import LINES_MAX, Line
from loyalty_core.journal import Record, pack_record
from loyalty_core.messages import (
    BATCH_BYTES_MAX,
    EXCHANGE_BYTES_MAX,
    Health,
)
from loyalty_core.wire import MESSAGE_BYTES_MAX
from tests.hq.events import purchase
from tests.hq.hostile.attacked import BOMB, CODES, House, filled, in_envelope, payload_of, with_signatures

MEMORY_BYTES_MAX = 5 * MESSAGE_BYTES_MAX
"""What the largest request may take while it is looked at, itself included."""


def largest() -> bytes:
    """Return the record of the receipt that takes most memory for its bytes."""
    lines = (Line(0, "", "", 0, 0),) * LINES_MAX
    event = msgspec.structs.replace(purchase("large"), lines=lines)
    return pack_record(Record(event=event, adapter="test", monotonic_ms=1))


async def test_of_batches_that_unpack_to_more_than_an_exchange_holds_those_beyond_are_refused(
    house: House,
) -> None:
    """A few bytes may stand for many: eight batches of as many small lines as they hold."""
    count = BATCH_BYTES_MAX // (len(largest()) + 8)
    batches = [filled(house, [largest()] * count, first_seq=100 + number) for number in range(8)]
    assert sum(map(len, batches)) < EXCHANGE_BYTES_MAX // 100
    codes = [one.code for one in (await house.send(*batches)).refusals]
    assert Counter(codes) == {"gap": 2, "wire_malformed": 6}


BOMBS: dict[str, Callable[[House], bytes]] = {
    "arrays in arrays": lambda house: b"\x91" * MESSAGE_BYTES_MAX,
    "empty arrays": lambda house: b"\xdd\x00\xff\xff\xff" + b"\x90" * (MESSAGE_BYTES_MAX - 5),
    "signed empty arrays": lambda house: in_envelope(house, b"\x90" * (MESSAGE_BYTES_MAX - 200)),
    "signed items": lambda house: in_envelope(house, b"\xdc\xff\xff" + b"\x01" * (MESSAGE_BYTES_MAX - 200)),
    "a text": lambda house: in_envelope(house, payload_of(house, health=Health("x" * 16_000_000, 0, 0, 0))),
    "signatures": lambda house: with_signatures(house.exchange(), lambda own: own * 200_000),
    "batches": lambda house: house.exchange(*[filled(house, packed=BOMB)] * 8),
    "large batches": lambda house: house.exchange(*[filled(house, packed=bytes(2_000_000))] * 8),
}


async def test_what_the_largest_request_takes_of_the_memory_is_bounded(house: House) -> None:
    app = house.wire.app
    for bomb, made in BOMBS.items():
        body = made(house)
        assert len(body) <= MESSAGE_BYTES_MAX, bomb
        tracemalloc.start()
        try:
            with Quotas(app[CONFIG].limits).visit(0.0) as visit_:
                _, outcome = await exchange(app[DATABASE], app[ANSWERING], body, house.hq.clock(), visit_)
            refused = {one.code for one in outcome.refusals}
        except LoyaltyError as error:
            refused = {error.code}
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert refused <= CODES, bomb
        assert refused, bomb
        assert peak < MEMORY_BYTES_MAX, bomb
