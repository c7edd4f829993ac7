"""Which keys of HQ's this till believes: those that it was told at joining, then what these say of the next.

The numbers of keys only grow here. Who has an earlier key of HQ's cannot make a till go back to it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from edge_agent.store import hq_keys, terminal
from edge_agent.store.database import Connection
from loyalty_core.envelope import key_id
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.key_statements import claimed_statement, read_statement

log = logging.getLogger(__name__)


def take_statements(conn: Connection, statements: Iterable[bytes]) -> bool:
    """Believe each next key that the one believed now has signed; tell whether there was any.

    One that it has not signed, or that does not go forward, is left alone and logged, but for those that are
    known here.
    """
    moved = False
    for data in statements:
        identity = terminal.read(conn)
        try:
            claimed = claimed_statement(data)
            kind = claimed.kind
            if claimed.public_key in hq_keys.believed(conn, kind).values():
                continue
            present = identity.hq_public_key if kind == "server" else identity.programme_public_key
            said = read_statement(data, {key_id(present): present})
        except (BadEnvelope, BadWire) as error:
            log.warning("key_not_believed", extra={"code": error.code})
            continue
        if said.number <= hq_keys.number(conn, kind):
            log.warning("key_not_believed", extra={"code": "key_older"})
            continue
        hq_keys.put(conn, kind, said.number, said.public_key)
        terminal.believe(conn, kind, said.public_key)
        log.info("key_believed", extra={"code": kind})
        moved = True
    return moved
