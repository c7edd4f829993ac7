"""Technicians: who may log in on tills, the passes they were given, and the list of both that tills are told.

A till knows nobody but by that list, and takes only one of a higher version. Versions are times of changes,
and after a restore at least that of the restore: so they never go back for a till, whatever was lost.

Writes `technicians`, `technician_passes` and `technician_list`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import msgspec

from hq_server.decisions import name_form, person
from hq_server.fleet import FIRST_LIFE, find_store, find_terminal
from hq_server.house import load_house
from hq_server.staff.accounts import as_kept
from hq_server.store.connection import Row, Transaction
from loyalty_core import passes
from loyalty_core.errors import BadInput
from loyalty_core.events import TEXT_MAX
from loyalty_core.messages import REVOKED_MAX, TECHNICIANS_MAX, Technician, Technicians
from loyalty_core.units import EpochMs

PASS_ID_BYTES: Final = 10
SIGNERS: Final = 2
"""The present server key, and the one before it for tills that have not heard of it."""
HOUR_MS: Final = 3_600_000
PIN_MIN: Final = 6
PIN_MAX: Final = 12


class Known(msgspec.Struct, frozen=True):
    """A technician of this house; `stores` is empty where they may log in everywhere."""

    name: str
    stores: tuple[str, ...]
    verifier: str
    made_at_ms: EpochMs
    revoked_at_ms: EpochMs | None

    def may_at(self, store_id: str) -> bool:
        """Tell whether they may log in at a store."""
        return self.revoked_at_ms is None and (not self.stores or store_id in self.stores)


class PassRow(msgspec.Struct, frozen=True):
    """A pass that was made: for whom and where, by whom, and who took it back and why."""

    pass_id: str
    name: str
    stores: tuple[str, ...]
    terminals: tuple[str, ...]
    role: str
    made_by: str
    from_ms: EpochMs
    until_ms: EpochMs
    revoked_at_ms: EpochMs | None
    revoked_by: str
    reason: str


def checked_pin(pin: str) -> str:
    """Return a PIN that may be kept.

    Raises:
        BadInput: `pin_weak`.
    """
    is_good = pin.isascii() and pin.isdigit() and PIN_MIN <= len(pin) <= PIN_MAX and len(set(pin)) >= 3
    if not is_good or len({(int(after) - int(before)) % 10 for before, after in pairwise(pin)}) < 2:
        raise BadInput(
            f"a PIN has {PIN_MIN} to {PIN_MAX} digits, at least three different ones, and is no row such as "
            "123456",
            code="pin_weak",
        )
    return pin


def add_technician(
    tx: Transaction, name: str, stores: Iterable[str], verifier: str, now_ms: EpochMs
) -> Known:
    """Keep a technician, also one who was revoked, and return them; without stores they may log in at each.

    Raises:
        BadInput: `name_missing`, `technician_name_malformed`, `technician_exists`, `store_not_found`,
            `technicians_too_many`.
    """
    name = person(name)
    if ":" in name or len(name) > TEXT_MAX:
        raise BadInput(
            f'a technician\'s name has at most {TEXT_MAX} letters and no ":" in it',
            code="technician_name_malformed",
        )
    wanted = sorted(set(stores))
    for store_id in wanted:
        _check_store(tx, store_id)
    row = {"name": name, "form": name_form(name), "at_stores": " ".join(wanted), "verifier": verifier}
    if not tx.run("house.put_technician", **row, made_at_ms=now_ms):
        raise BadInput(
            f'there is a technician "{name}": see hq-server technician list', code="technician_exists"
        )
    if sum(one.revoked_at_ms is None for one in technicians(tx)) > TECHNICIANS_MAX:
        raise BadInput(
            f"a house has at most {TECHNICIANS_MAX} technicians: revoke who has left",
            code="technicians_too_many",
        )
    _changed(tx, now_ms)
    return technician_named(tx, name)


def technician_named(tx: Transaction, name: str) -> Known:
    """Return a technician who may log in.

    Raises:
        BadInput: `technician_unknown`, `technician_revoked`.
    """
    row = tx.one("house.technician", form=name_form(as_kept(name)))
    if row is None:
        raise BadInput(
            f'there is no technician "{name}": see hq-server technician list', code="technician_unknown"
        )
    found = _known(row)
    if found.revoked_at_ms is not None:
        raise BadInput(
            f"{found.name} was revoked: hq-server technician add lets them in again",
            code="technician_revoked",
        )
    return found


def technicians(tx: Transaction) -> list[Known]:
    """Return every technician there is or was, by name."""
    return [_known(row) for row in tx.all("house.technicians")]


def set_pin(tx: Transaction, name: str, verifier: str, now_ms: EpochMs) -> Known:
    """Give a technician another PIN, of which this is the verifier.

    Raises:
        BadInput: `technician_unknown`, `technician_revoked`.
    """
    found = technician_named(tx, name)
    tx.run("house.set_pin", name=found.name, verifier=verifier)
    _changed(tx, now_ms)
    return found


def make_pass(
    tx: Transaction,
    name: str,
    *,
    stores: Iterable[str],
    terminals: Iterable[str],
    hours: int,
    role: passes.Role,
    random: bytes,
    by: str,
    now_ms: EpochMs,
) -> passes.Pass:
    """Keep who gives which pass to whom, and return the pass; it is good from now on.

    Raises:
        BadInput: `technician_unknown`, `technician_revoked`, `technician_elsewhere`, `store_not_found`,
            `terminal_not_found`, `terminal_revoked`, `pass_places`.
    """
    found = technician_named(tx, name)
    at_stores, at_terminals = sorted(set(stores)), sorted(set(terminals))
    if (not at_stores and not at_terminals) or max(len(at_stores), len(at_terminals)) > passes.PLACES_MAX:
        raise BadInput(
            f"a pass is for 1 to {passes.PLACES_MAX} stores or terminals: give --store or --terminal",
            code="pass_places",
        )
    for store_id in at_stores:
        _check_store(tx, store_id)
    reached = set(at_stores)
    for terminal_id in at_terminals:
        terminal = find_terminal(tx, terminal_id)
        if terminal.state == "revoked":
            raise BadInput(f"{terminal_id} was revoked: {terminal.reason}", code="terminal_revoked")
        reached.add(terminal.store_id)
    if strange := sorted(store_id for store_id in reached if not found.may_at(store_id)):
        raise BadInput(
            f"{found.name} is a technician of {', '.join(found.stores)}, and not of {', '.join(strange)}",
            code="technician_elsewhere",
        )
    given = passes.Pass(
        pass_id=base64.b32encode(random).decode(),
        programme_id=load_house(tx).newest.programme_id,
        person=found.name,
        stores=tuple(at_stores),
        terminals=tuple(at_terminals),
        role=role,
        from_ms=now_ms,
        until_ms=now_ms + hours * HOUR_MS,
    )
    tx.run(
        "house.add_pass",
        pass_id=given.pass_id,
        name=given.person,
        at_stores=" ".join(given.stores),
        at_terminals=" ".join(given.terminals),
        role=given.role,
        made_by=by,
        from_ms=given.from_ms,
        until_ms=given.until_ms,
    )
    return given


def passes_made(tx: Transaction, until_after_ms: int) -> list[PassRow]:
    """Return the passes that are or would be good after a time, those that end last first."""
    rows = tx.all("house.passes", until_after_ms=until_after_ms)
    return [
        PassRow(pass_id, name, tuple(stores.split()), tuple(terminals.split()), *rest)
        for pass_id, name, stores, terminals, *rest in rows
    ]


def revoke_technician(tx: Transaction, name: str, reason: str, by: str, now_ms: EpochMs) -> Known:
    """Let a technician log in nowhere any more, and take back the passes that they have.

    Raises:
        BadInput: `technician_unknown`, `technician_revoked`, `reason_missing`.
    """
    found = technician_named(tx, name)
    why = _reason(reason)
    tx.run("house.revoke_technician", name=found.name, revoked_at_ms=now_ms)
    for one in passes_made(tx, now_ms):
        if one.name == found.name:
            tx.run("house.revoke_pass", pass_id=one.pass_id, revoked_at_ms=now_ms, revoked_by=by, reason=why)
    _changed(tx, now_ms)
    return found


def revoke_pass(tx: Transaction, pass_id: str, reason: str, by: str, now_ms: EpochMs) -> None:
    """Take one pass back; again is harmless.

    Raises:
        BadInput: `pass_unknown`, `reason_missing`.
    """
    why = _reason(reason)
    if tx.one("house.pass_of", pass_id=pass_id) is None:
        raise BadInput(f'there is no pass "{pass_id}": see hq-server technician passes', code="pass_unknown")
    if tx.run("house.revoke_pass", pass_id=pass_id, revoked_at_ms=now_ms, revoked_by=by, reason=why):
        _changed(tx, now_ms)


def told_to(tx: Transaction, store_id: str, has: int, now_ms: EpochMs) -> Technicians | None:
    """Return the list for the tills of a store; None where it is the one of the version that they have."""
    version = _version(tx)
    if version == has:
        return None
    people = [Technician(one.name, one.verifier) for one in technicians(tx) if one.may_at(store_id)]
    revoked = [one.pass_id for one in passes_made(tx, now_ms) if one.revoked_at_ms is not None]
    return Technicians(version, tuple(people[:TECHNICIANS_MAX]), tuple(revoked[:REVOKED_MAX]))


def _version(tx: Transaction) -> int:
    """Return the version of the list as it stands: 0 while there was never one in this house's first life.

    A restore begins a life, numbered by its second, and may have lost versions of the one before up to then.
    """
    row = tx.one("house.technicians_version")
    life = load_house(tx).incarnation.counter
    return max(0 if row is None else row[0], 0 if life == FIRST_LIFE else (life + 1) * 1000)


def _changed(tx: Transaction, now_ms: EpochMs) -> None:
    tx.run("house.raise_technicians_version", at_least=max(_version(tx) + 1, now_ms))


def _check_store(tx: Transaction, store_id: str) -> None:
    if find_store(tx, store_id) is None:
        raise BadInput(f'there is no store "{store_id}": see hq-server store list', code="store_not_found")


def _reason(text: str) -> str:
    if not text.strip():
        raise BadInput("a revocation needs a reason", code="reason_missing")
    return text.strip()


def _known(row: Row) -> Known:
    name, stores, *rest = row
    return Known(name, tuple(stores.split()), *rest)
