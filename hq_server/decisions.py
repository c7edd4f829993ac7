"""What headquarters decided: numbered in order, reasoned, by named people, and never changed.

A decision is a fact beside those of the tills; each kind has a module that gives it its effect. A proposal
has none until another person has approved it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from hq_server.fleet_view import at_text
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

DecisionKind = Literal[
    "attachment",
    "merge",
    "unmerge",
    "claim",
    "match",
    "placing",
    "adjustment",
    "goodwill",
    "programme",
    "erasure",
    "retention",
    "coupon",
    "grant",
    "refusal",
    "withdrawal",
    "exclusion",
    "close",
]
State = Literal["stands", "waiting", "approved", "refused"]
SECOND_PERSON: Final[frozenset[DecisionKind]] = frozenset({"adjustment", "goodwill", "erasure", "grant"})
"""The kinds that take effect only when another person has approved them; the database insists on it, too."""
NAME_MAX: Final = 64
REASON_MAX: Final = 500
KEY_MAX: Final = 64
PAGE_MAX: Final = 1000


class Said(msgspec.Struct, frozen=True):
    """Who decides, and why; made by `said`."""

    by: str
    reason: str


class Decision(msgspec.Struct, frozen=True):
    """One decision with its verdict. `detail` is JSON whose form belongs to the kind."""

    number: int
    kind: DecisionKind
    subject: str
    detail: str
    reason: str
    made_by: str
    made_at_ms: EpochMs
    needs_second: bool
    natural_key: str | None
    approved: bool | None
    given_by: str | None
    given_at_ms: EpochMs | None

    @property
    def state(self) -> State:
        """Whether it has effect: it stands by itself or is approved."""
        if not self.needs_second:
            return "stands"
        if self.approved is None:
            return "waiting"
        return "approved" if self.approved else "refused"

    @property
    def has_effect(self) -> bool:
        """Tell whether it counts."""
        return self.state in ("stands", "approved")


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as staff and other systems read it."""

    number: int
    kind: str
    subject: str
    detail: dict[str, Any]
    reason: str
    made_by: str
    made_at: str
    state: str
    given_by: str | None
    given_at: str | None


def said(by: str, reason: str) -> Said:
    """Return who decides and why.

    Raises:
        BadInput: `name_missing`, `reason_missing`.
    """
    return Said(person(by), _text(reason, REASON_MAX, "reason_missing", "say why: a reason"))


def person(by: str) -> str:
    """Return a person's name as decisions keep it.

    Raises:
        BadInput: `name_missing`.
    """
    return _text(by, NAME_MAX, "name_missing", "say who decides: a name")


def same_person(one: str, other: str) -> bool:
    """Tell whether two spellings are one name."""
    return name_form(one) == name_form(other)


def name_form(name: str) -> str:
    """Return what all spellings of a name have in common."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def keep_decision(
    tx: Transaction,
    kind: DecisionKind,
    subject: str,
    detail: object,
    by: Said,
    now_ms: EpochMs,
    *,
    natural_key: str | None = None,
) -> int:
    """Keep a decision and return its number; what it moves is up to its kind."""
    row = tx.one("house.last_decision")
    number = (row[0] if row else 0) + 1
    tx.run(
        "house.add_decision",
        number=number,
        kind=kind,
        subject=subject,
        detail=msgspec.json.encode(detail, order="sorted").decode(),
        reason=by.reason,
        made_by=by.by,
        made_at_ms=now_ms,
        needs_second=int(kind in SECOND_PERSON),
        natural_key=natural_key,
    )
    return number


def decided_before(tx: Transaction, by: str, natural_key: str | None) -> Decision | None:
    """Return what this person decided under a key, so that it is not decided twice."""
    if natural_key is None:
        return None
    row = tx.one("house.decision_by_key", made_by=by, natural_key=natural_key)
    return None if row is None else decision(tx, row[0])


def key_conflict() -> BadInput:
    """Return the refusal of a key under which something else was asked for."""
    return BadInput(
        "this Idempotency-Key was used for another request: use a new key for a new request",
        code="idempotency_conflict",
    )


def decision(tx: Transaction, number: int) -> Decision:
    """Return a decision.

    Raises:
        BadInput: `decision_not_found`.
    """
    row = tx.one("house.decision", number=number)
    if row is None:
        raise BadInput(f"there is no decision {number}", code="decision_not_found")
    return _decision(row)


def decisions(
    tx: Transaction, *, kinds: Iterable[DecisionKind] = (), state: str = "", after: int = 0
) -> list[Decision]:
    """Return at most PAGE_MAX decisions after a number, in order."""
    asked = list(kinds)
    rows = tx.all(
        "house.decisions",
        kinds=msgspec.json.encode(asked).decode(),
        every_kind=int(not asked),
        state=state,
        after=after,
        count=PAGE_MAX,
    )
    return [_decision(row) for row in rows]


def every_decision(tx: Transaction, *kinds: DecisionKind, state: str = "") -> Iterator[Decision]:
    """Return every decision of these kinds, in order, a page at a time."""
    page = decisions(tx, kinds=kinds, state=state)
    while page:
        yield from page
        page = decisions(tx, kinds=kinds, state=state, after=page[-1].number)


def decisions_about(tx: Transaction, kind: DecisionKind, subject: str) -> list[Decision]:
    """Return the decisions of a kind about one subject, in order."""
    return [_decision(row) for row in tx.all("house.decisions_about", kind=kind, subject=subject)]


def give_verdict(tx: Transaction, number: int, by: str, now_ms: EpochMs, *, approved: bool) -> Decision:
    """Keep the second person's word on a proposal and return the proposal with it.

    Raises:
        BadInput: `decision_not_found`, `no_proposal`, `decision_judged`, `same_person`, `name_missing`.
    """
    by, stands = person(by), decision(tx, number)
    if not stands.needs_second:
        raise BadInput(f"decision {number} waits for nobody: it took effect at once", code="no_proposal")
    if stands.state != "waiting":
        raise BadInput(f"decision {number} was {stands.state} by {stands.given_by}", code="decision_judged")
    made_token = tx.one("house.token", name=stands.made_by)
    if same_person(by, stands.made_by) or (made_token is not None and same_person(by, made_token[0])):
        raise BadInput(
            f"decision {number} was proposed by {stands.made_by}: another person must judge it",
            code="same_person",
        )
    tx.run("house.add_verdict", number=number, approved=int(approved), given_by=by, given_at_ms=now_ms)
    return decision(tx, number)


def decision_view(one: Decision) -> DecisionView:
    """Return a decision in the shape that people and programs read."""
    return DecisionView(
        number=one.number,
        kind=one.kind,
        subject=one.subject,
        detail=msgspec.json.decode(one.detail),
        reason=one.reason,
        made_by=one.made_by,
        made_at=at_text(one.made_at_ms),
        state=one.state,
        given_by=one.given_by,
        given_at=None if one.given_at_ms is None else at_text(one.given_at_ms),
    )


def _decision(row: Row) -> Decision:
    return Decision(
        number=row[0],
        kind=row[1],
        subject=row[2],
        detail=row[3],
        reason=row[4],
        made_by=row[5],
        made_at_ms=row[6],
        needs_second=bool(row[7]),
        natural_key=row[8],
        approved=None if row[9] is None else bool(row[9]),
        given_by=row[10],
        given_at_ms=row[11],
    )


def _text(text: str, most: int, code: str, what: str) -> str:
    text = unicodedata.normalize("NFC", text).strip()
    if not text or len(text) > most or not text.isprintable():
        raise BadInput(f"{what} of 1 to {most} printable characters", code=code)
    return text
