"""Publishing a programme: what may change, what it would move, and the version that stands for good.

A version that reaches back needs a person's consent to what the preview said; it is kept as a decision.
"""

from __future__ import annotations

import msgspec

from hq_server.closes.states import refuse_while_closing
from hq_server.decisions import Said, keep_decision
from hq_server.derivation import Rulebook, whole_account
from hq_server.house import House, load_house
from hq_server.ledger import ledger_accounts
from hq_server.reclaims import claims_moved, fold_claims_again
from hq_server.retelling import note_told
from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day, date_of, period_after, period_of
from loyalty_core.entries import diff
from loyalty_core.envelope import seal
from loyalty_core.errors import BadInput
from loyalty_core.messages import ProgrammeText
from loyalty_core.programme import Programme
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack


class Moves(msgspec.Struct, frozen=True):
    """What a version would move in what is posted already. `claims` are receipts that it gives another owner,
    whose points are not in the sums."""

    members: int
    redeemable_up: int
    redeemable_down: int
    qualifying_up: int
    qualifying_down: int
    claims: int = 0


class Consent(msgspec.Struct, frozen=True):
    """Who agreed to a version that reaches back, and what they were shown."""

    said: Said
    moves: Moves


class _Consented(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a consent."""

    version: int
    effective_from: int
    moves: Moves


def check_next(house: House, programme: Programme, *, retroactive: bool, now_ms: EpochMs) -> None:
    """Raise BadInput unless this version may follow what is published: the first reason, with its code."""
    today = business_day(now_ms, programme.place)
    if house.programmes:
        newest = house.newest
        for name, stands, wants in (
            ("programme", newest.programme_id, programme.programme_id),
            ("currency", newest.currency, programme.currency),
            ("timezone", newest.timezone, programme.timezone),
            ("business_day_starts", newest.place.starts, programme.place.starts),
            ("period.months", newest.period_months, programme.period_months),
        ):
            if stands != wants:
                raise BadInput(
                    f"{name} may not change from {stands} to {wants} in a new version",
                    code="programme_unlike",
                )
        if programme.version <= newest.version:
            raise BadInput(
                f"version {programme.version} does not come after {newest.version}, which is published",
                code="version_not_new",
            )
        dropped = {tier.code for tier in newest.ladder} - {tier.code for tier in programme.ladder}
        if dropped:
            raise BadInput(
                f"tier {', '.join(sorted(dropped))} may not be dropped: members may hold it",
                code="tier_dropped",
            )
        _check_consent(house, programme)
    if programme.effective_from < today and not retroactive:
        raise BadInput(
            f"effective_from {date_of(programme.effective_from)} is past: --retroactive moves what is posted",
            code="effective_from_past",
        )


def _check_consent(house: House, programme: Programme) -> None:
    """Refuse other texts under a version of the consent that is published: people have agreed to it."""
    consent = programme.consent
    for other in house.programmes:
        if (
            consent
            and other.consent
            and consent.version == other.consent.version
            and consent != other.consent
        ):
            raise BadInput(
                f"consent.version {consent.version} has other texts in version {other.version} of the "
                "programme, and people have agreed to these: raise consent.version",
                code="consent_changed",
            )


def preview(tx: Transaction, house: House, programme: Programme, now_ms: EpochMs) -> Moves:
    """Return what publishing this version would move, with what then has expired by today; writes nothing."""
    after = msgspec.structs.replace(house, programmes=(*house.programmes, programme))
    rules, today, members = Rulebook(after), after.today(now_ms), set()
    sums = [0, 0, 0, 0]
    # How long points last is said by the version of a period's last day, for all that was earned in it.
    since = period_of(programme.effective_from, programme.period_months).first
    for bucket in range(house.bucket_count):
        for account in ledger_accounts(tx, house, bucket, since=since):
            facts = msgspec.structs.replace(account.facts, through=max(today, account.facts.through))
            for entry in diff(whole_account(rules, facts).entries, account.entries):
                members.add(account.member_id)
                sums[0] += max(0, entry.redeemable)
                sums[1] += min(0, entry.redeemable)
                sums[2] += max(0, entry.qualifying)
                sums[3] += min(0, entry.qualifying)
    return Moves(len(members), sums[0], sums[1], sums[2], sums[3], claims_moved(tx, house, programme))


def publish(
    tx: Transaction,
    programme: Programme,
    text: str,
    *,
    retroactive: bool,
    key: bytes,
    now_ms: EpochMs,
    consent: Consent | None = None,
) -> None:
    """Publish a version and mark every member-day from its first date on to be derived again.

    Raises:
        BadInput: it may not follow what is published; `claims_too_many`, `period_closing`.
    """
    refuse_while_closing(tx)
    before = load_house(tx)
    check_next(before, programme, retroactive=retroactive, now_ms=now_ms)
    sealed = seal(
        "dangol/programme/1", pack(ProgrammeText(programme.programme_id, programme.version, text)), key
    )
    put_version(tx, before, programme, text, sealed, now_ms)
    if consent is not None:
        detail = _Consented(
            version=programme.version, effective_from=programme.effective_from, moves=consent.moves
        )
        keep_decision(tx, "programme", f"version {programme.version}", detail, consent.said, now_ms)


def put_version(
    tx: Transaction, before: House, programme: Programme, text: str, sealed: bytes, now_ms: EpochMs
) -> None:
    """Let a signed version stand, and mark what it moves to be derived again.

    Raises:
        BadInput: `claims_too_many`.
    """
    note_told(tx, before, now_ms)
    tx.run(
        "house.publish_programme",
        version=programme.version,
        programme_id=programme.programme_id,
        effective_from=programme.effective_from,
        text=text,
        envelope=sealed,
        published_at_ms=now_ms,
    )
    tx.run("accounts.mark_days_from", business_day=programme.effective_from)
    house = load_house(tx)
    ended = _lots_moved(before, house, programme, now_ms)
    for bucket in range(house.bucket_count) if ended else ():
        tx.run("accounts.mark_lots", bucket=bucket, periods=msgspec.json.encode(ended).decode())
    fold_claims_again(tx, before, house, programme, now_ms)


def _lots_moved(before: House, house: House, programme: Programme, now_ms: EpochMs) -> list[str]:
    """Return the periods whose points end otherwise than before, also later on: tills are told when."""
    old, new, today = Rulebook(before), Rulebook(house), house.today(now_ms)
    period, found = period_of(programme.effective_from, programme.period_months), []
    while period.first <= today:
        if old.last_day(period) != new.last_day(period):
            found.append(period.id)
        period = period_after(period, programme.period_months)
    return found
