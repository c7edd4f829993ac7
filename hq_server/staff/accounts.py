"""The people of headquarters: names, roles, passwords. An account is disabled, never deleted, since decisions
name it.

Writes `staff`; `persons` writes what became of tries.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import msgspec

from hq_server.decisions import name_form, person
from hq_server.fleet_view import at_text
from hq_server.staff.rights import Right, Role, rights_of, roles_named
from hq_server.store.connection import Row, Transaction, Value
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs


class NotAllowed(BadInput):
    """`staff_unknown`, `staff_disabled`, `not_allowed`: this one may not do that."""

    code = "not_allowed"


class Account(msgspec.Struct, frozen=True):
    """One person's account. `totp` is the sealed secret of the codes, None where there are none."""

    name: str
    roles: tuple[Role, ...]
    password: str
    totp: bytes | None
    totp_step: int
    failures: int
    wait_until_ms: EpochMs
    made_at_ms: EpochMs
    disabled_at_ms: EpochMs | None

    @property
    def rights(self) -> frozenset[Right]:
        """All that this person may do."""
        return rights_of(self.roles)


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account as others see it: no password, no secret."""

    name: str
    roles: tuple[str, ...]
    totp: bool
    failures: int
    made_at: str
    disabled_at: str | None


def add_account(tx: Transaction, name: str, roles: Iterable[str], password: str, now_ms: EpochMs) -> Account:
    """Keep a new account and return it; `password` is what is kept of one.

    Raises:
        BadInput: `name_missing`, `staff_name_malformed`, `role_unknown`, `staff_exists`.
    """
    name = person(name)
    if ":" in name:
        raise BadInput('a person\'s name has no ":" in it', code="staff_name_malformed")
    known = roles_named(roles)
    form = name_form(name)
    fresh = {"name": name, "form": form, "roles": " ".join(known), "password": password}
    of_a_token = any(name_form(token) == form for token, *_ in tx.all("house.tokens"))
    if of_a_token or not tx.run("house.add_account", **fresh, made_at_ms=now_ms):
        raise BadInput(
            f'there is an account or a token "{name}", or was: names are not used again', code="staff_exists"
        )
    return account_named(tx, name)


def account_named(tx: Transaction, name: str) -> Account:
    """Return an account, also one that is disabled.

    Raises:
        NotAllowed: `staff_unknown`.
    """
    row = tx.one("house.account", name=as_kept(name))
    if row is None:
        raise NotAllowed(f'there is no account "{name}": see hq-server staff list', code="staff_unknown")
    return _account(row)


def as_kept(name: str) -> str:
    """Return a name in the form in which accounts have theirs, however it was typed."""
    return unicodedata.normalize("NFC", name).strip()


def accounts(tx: Transaction) -> list[Account]:
    """Return every account, the oldest first."""
    return [_account(row) for row in tx.all("house.accounts")]


def has_accounts(tx: Transaction) -> bool:
    """Tell whether there is any: a house of a release that had none goes on as it was until the first."""
    return tx.one("house.has_accounts") is not None


def allowed(tx: Transaction, name: str, right: Right) -> Account:
    """Return who has this name, if they may do this.

    Raises:
        NotAllowed: `staff_unknown`, `staff_disabled`, `not_allowed`.
    """
    found = account_named(tx, name)
    if found.disabled_at_ms is not None:
        raise NotAllowed(f"the account {found.name} is disabled", code="staff_disabled")
    if right not in found.rights:
        raise NotAllowed(f"{found.name} may not do this: it needs the right {right}", code="not_allowed")
    return found


def set_roles(tx: Transaction, name: str, roles: Iterable[str]) -> Account:
    """Give an account these roles and no others, from now on.

    Raises:
        BadInput: `staff_unknown`, `role_unknown`.
    """
    found = account_named(tx, name)
    tx.run("house.set_roles", name=found.name, roles=" ".join(roles_named(roles)))
    return account_named(tx, name)


def set_password(tx: Transaction, name: str, password: str) -> Account:
    """Give an account another password, of which this is kept; its sessions are over.

    Raises:
        BadInput: `staff_unknown`.
    """
    return _thrown_out(tx, name, "house.set_password", password=password)


def set_totp(tx: Transaction, name: str, totp: bytes | None, step: int = 0) -> Account:
    """Give an account other codes, or none; its sessions are over. A code up to `step` was shown already.

    Raises:
        BadInput: `staff_unknown`.
    """
    return _thrown_out(tx, name, "house.set_totp", totp=totp, step=step)


def disable(tx: Transaction, name: str, now_ms: EpochMs) -> Account:
    """Shut an account out from now on.

    Raises:
        BadInput: `staff_unknown`.
    """
    return _thrown_out(tx, name, "house.disable", disabled_at_ms=now_ms)


def enable(tx: Transaction, name: str) -> Account:
    """Let an account in again.

    Raises:
        BadInput: `staff_unknown`.
    """
    tx.run("house.enable", name=account_named(tx, name).name)
    return account_named(tx, name)


def account_view(one: Account) -> AccountView:
    """Return an account as others see it."""
    return AccountView(
        name=one.name,
        roles=one.roles,
        totp=one.totp is not None,
        failures=one.failures,
        made_at=at_text(one.made_at_ms),
        disabled_at=None if one.disabled_at_ms is None else at_text(one.disabled_at_ms),
    )


def _thrown_out(tx: Transaction, name: str, statement: str, **values: Value) -> Account:
    """Return an account that was changed so; whoever was in by what it was must come in again."""
    found = account_named(tx, name)
    tx.run(statement, name=found.name, **values)
    tx.run("house.end_sessions", name=found.name)
    return account_named(tx, name)


def _account(row: Row) -> Account:
    name, roles, *rest = row
    return Account(name, tuple(roles.split()), *rest)
