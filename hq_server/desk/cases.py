"""An appeal: opened with the member's words, ended by a grant, a refusal or a withdrawal.

Writes `cases`, and `case_evidence`: the evidence as it was at the opening and at each decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from hq_server.config import Grants
from hq_server.decisions import Decision, decision, decisions_about
from hq_server.desk.evidence import Evidence, gather
from hq_server.desk.moot import SENTENCES, Why, why_moot
from hq_server.desk.standing import closed_period, programme_of, total_of
from hq_server.house import House
from hq_server.members import member_at
from hq_server.merges import head_of
from hq_server.store.connection import Row, Transaction
from loyalty_core.calendar import Period, period_named
from loyalty_core.errors import BadInput, printable
from loyalty_core.programme import Tier
from loyalty_core.tiers import gap
from loyalty_core.units import EpochMs

WORDS_MAX: Final = 2000
PAGE_MAX: Final = 1000
Settled = Literal["open", "granted", "refused", "withdrawn"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One appeal as it is kept: who asks for which tier, and by how much it was missed when it was opened."""

    number: int
    member_id: str
    period_id: str
    tier: str
    missing: int
    home_store: str
    words: str
    opened_by: str
    opened_at_ms: int
    state: Settled
    decision: int | None


def appeal(tx: Transaction, house: House, member_id: str, period_id: str, now_ms: EpochMs) -> Evidence:
    """Return the evidence on an appeal that may be opened, for the tier that the member has just missed.

    Reads only, and takes as long as there are members who stand alike: gather before you write.

    Raises:
        BadInput: `period_unknown`, `period_open`, `no_gap`, `case_moot`.
    """
    period = closed_period(tx, house, period_id)
    head = head_of(tx, house.bucket_count, member_id)
    qualifying = total_of(tx, house, head, period)
    ahead = gap(qualifying, programme_of(tx, house, period).ladder)
    if ahead is None:
        raise BadInput(
            f"{qualifying} points in {period.id} are the highest tier: none was missed", code="no_gap"
        )
    why = why_moot(tx, house, member_id, period, ahead.tier, now_ms)
    if why is not None:
        raise BadInput(f"{SENTENCES[why]} ({ahead.tier.code}, {period.id})", code="case_moot")
    return gather(tx, house, head, period, ahead.tier, now_ms)


def open_case(
    tx: Transaction,
    house: House,
    member_id: str,
    evidence: Evidence,
    words: str,
    by: str,
    now_ms: EpochMs,
    natural_key: str | None = None,
) -> int:
    """Open a case on evidence that was just gathered and return its number.

    Raises:
        BadInput: `case_open`, `case_words`, `evidence_old`.
    """
    words = words_of(words)
    if len(words) > WORDS_MAX or printable(words) != words:
        raise BadInput(f"the member's words are at most {WORDS_MAX} printable characters", code="case_words")
    row = tx.one("house.open_case_of", member_id=member_id, period_id=evidence.period)
    if row is not None:
        raise BadInput(f"case {row[0]} of member {member_id} is open for {evidence.period}", code="case_open")
    member = member_at(tx, house, member_id)
    if member is None or head_of(tx, house.bucket_count, member_id) != evidence.member_id:
        raise BadInput("who counts as the member has changed since: try again", code="evidence_old")
    number: int = (tx.one("house.last_case") or (0,))[0] + 1
    tx.run(
        "house.add_case",
        number=number,
        member_id=member_id,
        period_id=evidence.period,
        tier=evidence.tier,
        missing=evidence.missing,
        home_store=member.home_store,
        words=words,
        opened_by=by,
        opened_at_ms=now_ms,
        natural_key=natural_key,
    )
    keep_evidence(tx, number, 0, evidence, now_ms)
    return number


def words_of(text: str) -> str:
    """Return a member's words as a case keeps them."""
    return " ".join(text.split())


def case_of(tx: Transaction, number: int) -> Case:
    """Return a case.

    Raises:
        BadInput: `case_not_found`.
    """
    row = tx.one("house.case_of", number=number)
    if row is None:
        raise BadInput(f"there is no case {number}", code="case_not_found")
    return _case(row)


def cases(
    tx: Transaction, *, state: str = "", period_id: str = "", member_id: str = "", after: int = 0
) -> list[Case]:
    """Return at most PAGE_MAX cases after a number, in order; '' lets every one pass."""
    rows = tx.all(
        "house.cases_after",
        state=state,
        period_id=period_id,
        member_id=member_id,
        after=after,
        count=PAGE_MAX,
    )
    return [_case(row) for row in rows]


def every_case(
    tx: Transaction, *, state: str = "", period_id: str = "", member_id: str = ""
) -> Iterator[Case]:
    """Return every such case, in order, a page at a time."""
    page = cases(tx, state=state, period_id=period_id, member_id=member_id)
    while page:
        yield from page
        page = cases(tx, state=state, period_id=period_id, member_id=member_id, after=page[-1].number)


def unsettled(tx: Transaction, house: House, number: int, now_ms: EpochMs) -> Case:
    """Return a case that can be ruled on.

    Raises:
        BadInput: `case_not_found`, `case_settled`, `ruling_waits`, `case_moot`.
    """
    case = still_open(tx, number)
    why = moot(tx, house, case, now_ms)
    if why is not None:
        raise BadInput(f"case {number} is moot: {SENTENCES[why]}; withdraw it", code="case_moot")
    return case


def moot(tx: Transaction, house: House, case: Case, now_ms: EpochMs) -> Why | None:
    """Return why there is nothing left to rule in an open case; None where there is."""
    period = period_of_case(house, case)
    return why_moot(tx, house, case.member_id, period, tier_of_case(tx, house, case), now_ms)


def period_of_case(house: House, case: Case) -> Period:
    """Return the period that a case is about."""
    return period_named(case.period_id, house.newest.period_months)


def tier_of_case(tx: Transaction, house: House, case: Case) -> Tier:
    """Return the tier that a case asks for, of the ladder of its period."""
    ladder = programme_of(tx, house, period_of_case(house, case)).ladder
    found = [tier for tier in ladder if tier.code == case.tier]
    if not found:
        raise BadInput(
            f"case {case.number} asks for {case.tier}, which {case.period_id} has no more: withdraw it",
            code="tier_gone",
        )
    return found[0]


def check_code(limits: Grants, reason_code: str) -> None:
    """Refuse a reason code that the settings do not have.

    Raises:
        BadInput: `reason_code_unknown`.
    """
    if reason_code not in limits.reason_codes:
        codes = ", ".join(limits.reason_codes)
        raise BadInput(f"the reason code must be one of {codes}", code="reason_code_unknown")


def check_evidence(tx: Transaction, house: House, case: Case, evidence: Evidence) -> None:
    """Refuse evidence that is not on this case as it stands.

    Raises:
        BadInput: `evidence_old`.
    """
    head = head_of(tx, house.bucket_count, case.member_id)
    stands = total_of(tx, house, head, period_of_case(house, case))
    if (evidence.member_id, evidence.tier, evidence.period, evidence.qualifying) != (
        head,
        case.tier,
        case.period_id,
        stands,
    ):
        raise BadInput(f"the points of case {case.number} have just moved: try again", code="evidence_old")


def evidence_on(tx: Transaction, house: House, number: int, now_ms: EpochMs) -> Evidence:
    """Return what is known on a case now, to be kept with a decision on it.

    Raises:
        BadInput: `case_not_found`, `tier_gone`.
    """
    case = case_of(tx, number)
    head = head_of(tx, house.bucket_count, case.member_id)
    return gather(tx, house, head, period_of_case(house, case), tier_of_case(tx, house, case), now_ms)


def keep_evidence(tx: Transaction, number: int, made: int, evidence: Evidence, now_ms: EpochMs) -> None:
    """Keep the evidence of a case as it is now, for a decision on it or, with 0, for its opening."""
    text = msgspec.json.encode(evidence).decode()
    tx.run("house.add_evidence", number=number, decision=made, evidence=text, gathered_at_ms=now_ms)


def unlike_code(limits: Grants) -> str:
    """Return what ruling on one member unlike others takes, in words."""
    return f"a reason code of grants.unlike_codes ({', '.join(limits.unlike_codes) or 'there is none'})"


def still_open(tx: Transaction, number: int) -> Case:
    """Return a case that is not settled, and of which no proposal waits.

    Raises:
        BadInput: `case_not_found`, `case_settled`, `ruling_waits`.
    """
    case = case_of(tx, number)
    if case.state != "open":
        raise BadInput(f"case {number} was {case.state} by decision {case.decision}", code="case_settled")
    for one in decisions_on(tx, case):
        if one.state == "waiting":
            raise BadInput(
                f"decision {one.number} to grant {case.tier} in case {number} waits for a second person: "
                "it must be judged first",
                code="ruling_waits",
            )
    return case


def decisions_on(tx: Transaction, case: Case) -> list[Decision]:
    """Return the decisions on a case, in order: those made in it, and one in another that settled it."""
    found = {one.number: one for kind in _KINDS for one in decisions_about(tx, kind, case.member_id)}
    own = [one for one in found.values() if msgspec.json.decode(one.detail)["case"] == case.number]
    if case.decision is not None and case.decision not in [one.number for one in own]:
        own.append(decision(tx, case.decision))
    return sorted(own, key=lambda one: one.number)


def _case(row: Row) -> Case:
    return Case(
        number=row[0],
        member_id=row[1],
        period_id=row[2],
        tier=row[3],
        missing=row[4],
        home_store=row[5],
        words=row[6],
        opened_by=row[7],
        opened_at_ms=row[8],
        state=row[9],
        decision=row[10],
    )


_KINDS: Final = ("grant", "refusal", "withdrawal")
