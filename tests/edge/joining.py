"""People who join at a till in the test's own hands."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import msgspec
import pytest

from edge_agent.config import EdgeConfig
from edge_agent.desk import Keyed
from edge_agent.enrolling import Enrolling, Joined, NewMember
from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection, transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from tests.edge.made import NOW, at
from tests.edge.till import Till

NAME = "홍길동"
PHONE = "010-9876-5432"
NEW_CARD = "2000123400006"
SOMEBODY = NewMember(name=NAME, phone=PHONE, birthday="1990-05-31", language="ko")
_NUMBERS = itertools.count()


def counted(count: int) -> bytes:
    """Return bytes that come once."""
    return hashlib.sha512(next(_NUMBERS).to_bytes(8)).digest()[:count]


def joined(
    config: EdgeConfig, recorder: Recorder, conn: Connection, new: NewMember, key: str, when: str = NOW
) -> Joined:
    """Let somebody join as the local HTTP face does, inside the caller's transaction."""
    raw = msgspec.json.encode(new)
    digest = hashlib.sha256(raw).digest()
    keyed = Keyed(key=key, content=digest[:16], raw_sha256=digest)
    enrolling = Enrolling(config, recorder, counted)
    return enrolling.enrol(conn, recorder.books(conn), new, keyed, EpochMs(at(when)))


def join(till: Till, new: NewMember = SOMEBODY, key: str = "k1", **changed: Any) -> Joined:
    """Let somebody join."""
    with transaction(till.conn):
        new = msgspec.structs.replace(new, **changed)
        return joined(till.config, till.recorder, till.conn, new, key)


def refused(till: Till, key: str = "other", **changed: Any) -> LoyaltyError:
    """Return why somebody cannot join, having left nothing behind."""
    before = till.books().head
    with pytest.raises(LoyaltyError) as told:
        join(till, key=key, **changed)
    assert till.books().head == before
    assert NAME not in str(told.value)
    return told.value
