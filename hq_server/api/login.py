"""`login` and `logout`, and one's own password and codes. Who has no session yet shows a password instead."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from hq_server.api.answers import body_of, json, token_of, what_of, write_for
from hq_server.fleet_view import at_text
from hq_server.staff import totp
from hq_server.staff.access import keep_access
from hq_server.staff.accounts import Account, set_password, set_totp
from hq_server.staff.passwords import checked_password
from hq_server.staff.persons import STRANGER_KEY_BYTES, Shown, begin_try, end_try, judge, refused, stands
from hq_server.staff.sessions import IDLE_MS, LIFE_MS, SECRET_BYTES, begin_session, end_session
from hq_server.store.connection import Transaction
from hq_server.web_context import CONFIG, DATABASE, JUDGES, LOGINS, NOW_MS
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs
from loyalty_shell import passwords

T = TypeVar("T")
routes: Final = web.RouteTableDef()
_Text = Annotated[str, Meta(max_length=1000)]


class LoginRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who somebody is, and what shows it: the password, and the code of the moment for who has codes."""

    name: _Text
    password: _Text
    code: _Text = ""


class PasswordRequest(LoginRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another password for who shows the present one."""

    new_password: _Text


class TotpRequest(LoginRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New codes: without a secret one is offered; with it, and a code of it, it takes its place."""

    new_secret: _Text = ""
    new_code: _Text = ""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has begun: `token` goes into `Authorization: Bearer` of what follows."""

    token: str
    name: str
    roles: tuple[str, ...]
    until: str
    idle_seconds: int


class TotpView(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of codes, in Base32 and as authenticators take it; empty once it is kept."""

    name: str
    kept: bool
    secret: str = ""
    uri: str = ""


class NameView(msgspec.Struct, frozen=True, kw_only=True):
    """Whose it was."""

    name: str


@routes.post("/api/v1/login")
async def post_login(request: web.Request) -> web.Response:
    """Begin a session."""
    now_ms = request.app[NOW_MS]()

    def begun(tx: Transaction, account: Account) -> SessionView:
        with_totp = account.totp is not None
        token = begin_session(tx, account.name, os.urandom(SECRET_BYTES), now_ms, with_totp=with_totp)
        return SessionView(
            token=token,
            name=account.name,
            roles=account.roles,
            until=at_text(EpochMs(now_ms + LIFE_MS)),
            idle_seconds=IDLE_MS // 1000,
        )

    account = await _proven(request, await body_of(request, LoginRequest))
    return json(await _changed(request, account, begun), made=True)


@routes.post("/api/v1/logout")
async def post_logout(request: web.Request) -> web.Response:
    """End the session whose token the request carries."""
    token = token_of(request)

    def ended(tx: Transaction, name: str) -> NameView:
        end_session(tx, token)
        return NameView(name=name)

    return json(await write_for(request, ended))


@routes.post("/api/v1/password")
async def post_password(request: web.Request) -> web.Response:
    """Change one's own password; all sessions of the account are over then."""
    asked = await body_of(request, PasswordRequest)
    fresh = checked_password(asked.new_password, asked.name)
    account = await _proven(request, asked)
    salt = os.urandom(passwords.SALT_BYTES)
    kept = await _slowly(request, lambda: passwords.hashed_password(fresh, salt))

    def changed(tx: Transaction, account: Account) -> NameView:
        return NameView(name=set_password(tx, account.name, kept).name)

    return json(await _changed(request, account, changed))


@routes.post("/api/v1/totp")
async def post_totp(request: web.Request) -> web.Response:
    """Offer new codes, or take those that were offered; all sessions of the account are over then."""
    asked, config = await body_of(request, TotpRequest), request.app[CONFIG]
    account = await _proven(request, asked)
    if not asked.new_secret:
        secret = os.urandom(totp.SECRET_BYTES)
        text = base64.b32encode(secret).decode()
        return json(
            TotpView(name=account.name, kept=False, secret=text, uri=totp.uri_of(secret, account.name))
        )
    secret = _secret(asked.new_secret)
    step = totp.step_of(secret, asked.new_code, request.app[NOW_MS]())
    if step is None:
        raise BadInput("new_code is no code of new_secret now: try the next one", code="code_wrong")
    key = totp.make_key(config.data_dir, os.urandom(totp.KEY_BYTES))
    kept = totp.sealed(key, account.name, secret, os.urandom(totp.NONCE_BYTES))

    def changed(tx: Transaction, account: Account) -> TotpView:
        return TotpView(name=set_totp(tx, account.name, kept, step).name, kept=True)

    return json(await _changed(request, account, changed))


async def _proven(request: web.Request, asked: LoginRequest) -> Account:
    """Return the account of who asks, once they have shown that it is theirs.

    Raises:
        NotProven: `login_refused`, `login_too_soon`.
        TooMuch: `login_too_many`, from one address or in all.
        TotpUnreadable: the account's codes cannot be checked here.
    """
    database, now_ms, what = request.app[DATABASE], request.app[NOW_MS](), what_of(request)
    shown = Shown(asked.name, asked.password, asked.code)
    with request.app[LOGINS].attempt(request.remote, monotonic()):
        random = os.urandom(STRANGER_KEY_BYTES)
        account = await database.write(lambda tx: begin_try(tx, shown.name, now_ms, random))
        key = totp.read_key(request.app[CONFIG].data_dir)
        judged = await _slowly(request, lambda: judge(account, shown, key, now_ms))
        if account is None or not await database.write(lambda tx: end_try(tx, judged, "api", what, now_ms)):
            raise refused()
    return account


async def _changed(request: web.Request, account: Account, work: Callable[[Transaction, Account], T]) -> T:
    """Return what `work` changes for somebody who has proven who they are; the access log has it.

    Raises:
        NotProven: `login_refused`, the account was changed since.
    """
    now_ms, what = request.app[NOW_MS](), what_of(request)

    def kept(tx: Transaction) -> T:
        if not stands(tx, account):
            raise refused()
        result = work(tx, account)
        keep_access(tx, now_ms, account.name, "api", "change", what)
        return result

    return await request.app[DATABASE].write(kept)


async def _slowly(request: web.Request, work: Callable[[], T]) -> T:
    """Return what takes long and much memory, few of it at once and not on the event loop."""
    async with request.app[JUDGES]:
        return await asyncio.to_thread(work)


def _secret(text: str) -> bytes:
    try:
        secret = base64.b32decode(text, casefold=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != totp.SECRET_BYTES:
        raise BadInput("new_secret is not one that was offered: ask without it for one", code="code_wrong")
    return secret
