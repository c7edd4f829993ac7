"""Finding out that somebody is who they say: a password and a code, tried slowly.

`begin_try` counts a try before it is looked at, `judge` looks, which takes a while and no transaction, and
`end_try` forgives one that was right: many at once are no quicker than one after the other. After a few wrong
ones the next must wait, twice as long each time; the database keeps that, so it outlives a start. A name that
no account has is slowed down alike, or the wait would tell which names there are.

Writes `strangers` and `stranger_keys`.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

import msgspec

from hq_server.staff.access import Road, keep_access
from hq_server.staff.accounts import Account, account_named, as_kept
from hq_server.staff.totp import opened, step_of
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from loyalty_shell.passwords import is_password

FREE: Final = 3
"""Wrong tries that cost no wait."""
WAIT_FIRST_MS: Final = 5_000
WAIT_MAX_MS: Final = 900_000
"""Who tries wrong passwords on purpose keeps the person out no longer than this after the last of them."""
STRANGER_KEY_BYTES: Final = 32
_NOBODYS: Final = (
    "$argon2id$v=19$m=65536,t=3,p=1$fKsSYjpOusDBl9DE/G3LrA$gv3bs3A+fazdhrnTpXtoB4mb2WjOQf4CwyLf947PHpU"
)
"""What a password is compared with where there is no such account, so that the time tells nothing."""


class NotProven(LoyaltyError):
    """`login_refused`, `login_too_soon`: who somebody is has not been shown."""

    code = "login_refused"

    def __init__(self, text: str, *, code: str = "login_refused", retry_after_s: int = 0) -> None:
        super().__init__(text, code=code)
        self.retry_after_s = retry_after_s


class Shown(msgspec.Struct, frozen=True):
    """What somebody shows: a name, a password, and the code of the moment, '' where they have none."""

    name: str
    password: str
    code: str = ""

    def __repr__(self) -> str:
        return f"Shown({self.name!r})"


class Judged(msgspec.Struct, frozen=True):
    """What a try was worth. `step` is that of its code, None where the account has no codes."""

    account: Account | None
    right: bool
    step: int | None = None


def begin_try(tx: Transaction, name: str, now_ms: EpochMs, random: bytes) -> Account | None:
    """Count a try of an account and return it; None where there is none, or it is disabled.

    `random` become the key of this house's strangers, where there is none yet.

    Raises:
        NotProven: `login_too_soon`.
    """
    if tx.one("house.account", name=as_kept(name)) is None:
        slot = _slot(tx, name, random)
        failures, wait_until_ms = tx.one("house.stranger", slot=slot) or (0, 0)
        charged = _charged(failures, wait_until_ms, now_ms)
        tx.run("house.charge_stranger", slot=slot, failures=charged, wait_until_ms=now_ms + wait_ms(charged))
        return None
    account = account_named(tx, name)
    charged = _charged(account.failures, account.wait_until_ms, now_ms)
    tx.run("house.charge", name=account.name, failures=charged, wait_until_ms=now_ms + wait_ms(charged))
    return None if account.disabled_at_ms is not None else account


def judge(account: Account | None, shown: Shown, key: bytes | None, now_ms: EpochMs) -> Judged:
    """Return what was shown is worth; takes a few tenths of a second, and as long where there is no account.

    Raises:
        TotpUnreadable: the account's codes cannot be checked with this key.
    """
    is_right = is_password(shown.password, _NOBODYS if account is None else account.password)
    if account is None or not is_right:
        return Judged(account, False)
    if account.totp is None:
        return Judged(account, True)
    step = step_of(opened(key, account.name, account.totp), shown.code, now_ms)
    return Judged(account, step is not None, step)


def end_try(tx: Transaction, judged: Judged, road: Road, what: str, now_ms: EpochMs) -> bool:
    """Tell whether the try was right, and forgive it then; a code is good once.

    One that was wrong is in the access log then: let the transaction be.
    """
    account, right = judged.account, judged.right
    if account is None:
        return False
    right = right and stands(tx, account)
    if right and judged.step is not None:
        right = tx.run("house.take_step", name=account.name, step=judged.step) == 1
    if right:
        tx.run("house.charge", name=account.name, failures=0, wait_until_ms=0)
    else:
        keep_access(tx, now_ms, account.name, road, "refused", what)
    return right


def stands(tx: Transaction, account: Account) -> bool:
    """Tell whether an account is as it was when what was shown fitted it, and may come in."""
    now = account_named(tx, account.name)
    return (now.password, now.totp, now.disabled_at_ms) == (account.password, account.totp, None)


def _charged(failures: int, wait_until_ms: int, now_ms: EpochMs) -> int:
    """Return how many tries were wrong with one more, if it may be made now."""
    if wait_until_ms > now_ms:
        wait_s = math.ceil((wait_until_ms - now_ms) / 1000)
        raise NotProven(
            f"too many wrong passwords or codes: try again in {wait_s} s",
            code="login_too_soon",
            retry_after_s=wait_s,
        )
    return failures + 1


def _slot(tx: Transaction, name: str, random: bytes) -> int:
    """Return where tries of a name that nobody has are counted, one place of a bounded number.

    The name itself is not kept: people type passwords there. Nobody outside knows which names share a place.
    """
    tx.run("house.make_stranger_key", key=random)
    row = tx.one("house.stranger_key")
    key = random if row is None else row[0]
    return int.from_bytes(hashlib.blake2b(as_kept(name).encode(), key=key, digest_size=2).digest(), "big")


def refused() -> NotProven:
    """Return the refusal of a try that was not right: it does not say what was wrong."""
    return NotProven("the name, the password or the code is wrong")


def wait_ms(failures: int) -> int:
    """Return how long the next try waits after so many wrong ones in a row."""
    doublings = failures - FREE - 1
    return 0 if doublings < 0 else min(WAIT_FIRST_MS * 2 ** min(doublings, 30), WAIT_MAX_MS)
