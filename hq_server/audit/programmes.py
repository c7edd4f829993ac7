"""Programmes: the text that HQ derives by is the one that was signed when it was published."""

from __future__ import annotations

from collections.abc import Mapping

from hq_server.audit.comparing import differs
from hq_server.store.connection import Transaction
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import ProgrammeText
from loyalty_core.programme_toml import read_programme
from loyalty_core.wire import unpack


def audit_programmes(tx: Transaction, keys: Mapping[bytes, bytes]) -> None:
    """Compare every version with its envelopes, each of which one of HQ's programme keys must have signed."""
    again: dict[int, list[bytes]] = {}
    for version, _, envelope in tx.all("house.programmes_signed_again"):
        again.setdefault(version, []).append(envelope)
    for version, programme_id, effective_from, text, envelope in tx.all("house.programmes_as_signed"):
        where = f"programme version {version}"
        for one in (envelope, *again.pop(version, ())):
            try:
                signed = unpack(open_sealed(one, "dangol/programme/1", keys), ProgrammeText)
                programme = read_programme(signed.text, where)
            except LoyaltyError as error:
                differs(where, str(error))
            if signed != ProgrammeText(programme_id, version, text):
                differs(where, "it is not what was signed when it was published")
            if (programme.version, programme.effective_from) != (version, effective_from):
                differs(where, "its version or first day is not that of its text")
    for version in again:
        differs(f"programme version {version}", "it was signed again and never published")
