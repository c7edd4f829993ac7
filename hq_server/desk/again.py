"""What is asked of the desk a second time under its Idempotency-Key is done once, and answered as it was."""

from __future__ import annotations

import msgspec

from hq_server.decisions import Decision, DecisionKind, decided_before, key_conflict
from hq_server.desk.cases import Case, case_of, words_of
from hq_server.desk.rulings import Asked, ruling_of
from hq_server.store.connection import Transaction


def opened_before(
    tx: Transaction, by: str, natural_key: str, member_id: str, period_id: str, words: str
) -> Case | None:
    """Return the case that this person opened under a key, which must have been this one.

    Raises:
        BadInput: `idempotency_conflict`: the key was used for something else.
    """
    row = tx.one("house.case_by_key", opened_by=by, natural_key=natural_key)
    if row is None:
        return None
    case = case_of(tx, row[0])
    if (case.member_id, case.period_id, case.words) != (member_id, period_id, words_of(words)):
        raise key_conflict()
    return case


def ruled_before(
    tx: Transaction,
    by: str,
    natural_key: str,
    number: int,
    kind: DecisionKind,
    reason: str,
    reason_code: str | None = None,
) -> Decision | None:
    """Return what this person decided on this case under a key, which must have been for the same.

    Raises:
        BadInput: `idempotency_conflict`: the key was used for something else.
    """
    before = decided_before(tx, by, natural_key)
    if before is None:
        return None
    detail = msgspec.json.decode(before.detail)
    stands = (before.kind, before.reason, detail.get("case"), detail.get("reason_code"))
    if stands != (kind, reason, number, reason_code):
        raise key_conflict()
    return before


def proposed_before(
    tx: Transaction, by: str, natural_key: str, number: int, reason: str, asked: Asked
) -> Decision | None:
    """Return the grant that this person proposed in this case under a key, as `ruled_before`.

    Whoever asks for one alone, or for all, must be given what covers just these.
    """
    before = ruled_before(tx, by, natural_key, number, "grant", reason, asked.reason_code)
    if before is None:
        return None
    ruling = ruling_of(before)
    covers_these = ruling.members == 1 if asked.alone else not ruling.alone
    if not covers_these or asked.until_day not in (None, ruling.until_day):
        raise key_conflict()
    return before
