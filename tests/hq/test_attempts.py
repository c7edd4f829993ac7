"""Codes cannot be tried out: what fails is counted per address and in all, what succeeds is not."""

from __future__ import annotations

from contextlib import ExitStack

import msgspec

from hq_server.attempts import ALL, KEPT_MAX, Attempts
from hq_server.config import Limits
from hq_server.enrol import InviteRefused
from hq_server.quotas import TooMuch
from hq_server.store.connection import Busy
from hq_server.web_context import ATTEMPTS
from loyalty_core.errors import BadWire
from tests.hq.conftest import Hq, Tills
from tests.hq.till import Till

UNKNOWN = "0000-0000-0000-0000-0000-0000"


def attempts(each: int = 3, in_all: int = 1000) -> Attempts:
    return Attempts(
        msgspec.structs.replace(Limits(), enrol_failures_a_minute=each, enrol_failures_in_all_a_minute=in_all)
    )


def fail(tried: Attempts, remote: str | None, now_s: float, error: Exception | None = None) -> int:
    """Return 0 where an attempt was let in and failed, else how long to wait."""
    try:
        with tried.attempt(remote, now_s):
            raise error or InviteRefused("no")
    except TooMuch as refused:
        return refused.retry_after_s
    except (InviteRefused, BadWire, Busy):
        return 0


def test_an_address_has_so_many_failures_a_minute_and_is_told_when_the_next() -> None:
    tried = attempts()
    assert [fail(tried, "192.0.2.1", 0) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert fail(tried, "192.0.2.1", 19) == 1
    assert fail(tried, "192.0.2.1", 20) == 0
    assert fail(tried, "192.0.2.1", 20) == 20
    assert fail(tried, "192.0.2.2", 20) == 0


def test_attempts_at_once_are_no_more_than_one_after_the_other() -> None:
    """Else one address could use up, before the first of its failures is known, what all others have."""
    tried = attempts(in_all=10)
    with ExitStack() as under_way:
        for _ in range(3):
            under_way.enter_context(tried.attempt("192.0.2.1", 0))
        assert fail(tried, "192.0.2.1", 0) == 20
        assert fail(tried, "192.0.2.2", 0) == 0
    assert [fail(tried, "192.0.2.1", 0) for _ in range(4)] == [0, 0, 0, 20]


def test_all_addresses_together_have_a_bound() -> None:
    tried = attempts(in_all=6)
    assert [fail(tried, f"192.0.2.{n}", 0) for n in range(8)] == [0] * 6 + [10, 10]


def test_who_joins_and_what_is_headquarters_own_fault_is_not_counted() -> None:
    tried = attempts(each=1)
    for _ in range(5):
        with tried.attempt("192.0.2.1", 0):
            pass
        assert fail(tried, "192.0.2.1", 0, Busy("busy")) == 0
    assert fail(tried, "192.0.2.1", 0, BadWire("nonsense")) == 0
    assert fail(tried, "192.0.2.1", 0) == 60


def test_neighbours_in_one_network_of_ipv6_count_as_one() -> None:
    tried = attempts(each=1)
    assert fail(tried, "2001:db8::1", 0) == 0
    assert fail(tried, "2001:db8::ffff:2", 0) == 60
    assert fail(tried, "2001:db8:0:1::1", 0) == 0
    assert [fail(tried, name, 0) for name in ("::ffff:192.0.2.1", "192.0.2.1", None, None)] == [0, 60, 0, 60]


def test_no_number_of_addresses_fills_the_memory() -> None:
    tried = attempts(in_all=100_000)
    for n in range(2 * KEPT_MAX):
        fail(tried, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", n * 60.0)
    assert len(tried._used_until_s) <= KEPT_MAX + 1


async def test_a_server_turns_away_who_tries_codes_out_and_counts_it(hq: Hq, tills: Tills) -> None:
    tried = tills.client.app[ATTEMPTS]
    assert await tills.refused("/v1/enrol", Till().enrol_request(UNKNOWN)) == (403, "invite_unknown")
    (remote,) = set(tried._used_until_s) - {ALL}
    tried._used_until_s[remote] += 1_000_000
    answer = await tills.client.post("/v1/enrol", data=Till().enrol_request(hq.invite()))
    assert answer.status == 429, "not even a good code is looked at meanwhile"
    assert int(answer.headers["Retry-After"]) > 900_000
    told = await tills.client.get("/metrics", headers={"Authorization": f"Bearer {hq.token}"})
    assert 'dangol_hq_http_refusals_total{code="enrol_too_many"} 1' in await told.text()
