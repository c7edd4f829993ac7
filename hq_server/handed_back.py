"""Programme versions that a headquarters lost when it was restored, as tills hand them back.

A till has them as headquarters signed them when they were published: that signature is all that is believed.
What is kept takes effect as if it were published now; who agreed to it then is lost with the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.house import load_house
from hq_server.key_book import Keyring
from hq_server.programmes import put_version
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from loyalty_core.envelope import key_id, open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import ProgrammeText, Refusal
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import EpochMs
from loyalty_core.wire import unpack


async def take_back(
    database: Database, keys: Keyring, store_id: str, envelopes: Iterable[bytes], now_ms: EpochMs
) -> tuple[Refusal, ...]:
    """Keep the versions that headquarters lacks, each in a transaction of its own; return what is refused."""
    refused = []
    for envelope in envelopes:
        try:
            await database.write(
                partial(keep_version, keys=keys, store_id=store_id, envelope=envelope, now_ms=now_ms)
            )
        except VersionRefused as error:
            refused.append(Refusal(0, 0, error.code, str(error), 0))
    return tuple(refused)


class VersionRefused(LoyaltyError):
    """A version that is not kept; `code` says why."""


def keep_version(tx: Transaction, keys: Keyring, store_id: str, envelope: bytes, now_ms: EpochMs) -> bool:
    """Keep one version and tell whether it was lacking; one that stands with another text is an exception.

    Raises:
        VersionRefused: headquarters did not sign it, it cannot be read, or its claims are too many to fold at
            once.
    """
    signing = keys.signing(tx)
    house = load_house(tx)
    try:
        # The present key alone: tills that believe it take nothing that an earlier one has signed.
        present = signing.programme_public_key
        said = unpack(open_sealed(envelope, "dangol/programme/1", {key_id(present): present}), ProgrammeText)
        stands = tx.one("house.programme_text", version=said.version)
        if stands is not None:
            if stands[0] != said.text:
                _differs(tx, store_id, said.version, now_ms)
            return False
        programme = read_programme(said.text, f"version {said.version}")
        if programme.programme_id != house.newest.programme_id:
            raise VersionRefused("the programme is another's", code="programme_unlike")
        put_version(tx, house, programme, said.text, envelope, now_ms)
    except LoyaltyError as error:
        raise VersionRefused(str(error), code=error.code) from None
    return True


def _differs(tx: Transaction, store_id: str, version: int, now_ms: EpochMs) -> None:
    sentence = (
        f"a till of {store_id} has another version {version} of the programme, which headquarters signed "
        "before it was restored: publish what holds as a later version"
    )
    found = ArrivalException(store_id, "programme_differs", f"version {version}", sentence)
    open_arrivals(tx, [found], now_ms)
