"""Programmes: the text that HQ derives by is the one that was signed when it was published."""

from __future__ import annotations

from hq_server.audit.comparing import differs
from hq_server.store.connection import Transaction
from loyalty_core.envelope import key_id, open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import ProgrammeText
from loyalty_core.programme_toml import read_programme
from loyalty_core.wire import unpack


def audit_programmes(tx: Transaction, public_key: bytes) -> None:
    """Compare every version with its envelope, which HQ's key must have signed."""
    for version, programme_id, effective_from, text, envelope in tx.all("house.programmes_as_signed"):
        where = f"programme version {version}"
        try:
            keys = {key_id(public_key): public_key}
            signed = unpack(open_sealed(envelope, "dangol/programme/1", keys), ProgrammeText)
            programme = read_programme(signed.text, where)
        except LoyaltyError as error:
            differs(where, str(error))
        if signed != ProgrammeText(programme_id, version, text):
            differs(where, "it is not what was signed when it was published")
        if (programme.version, programme.effective_from) != (version, effective_from):
            differs(where, "its version or first day is not that of its text")
