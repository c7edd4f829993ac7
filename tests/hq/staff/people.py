"""People in tests: accounts whose passwords cost little to look at, their codes and sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from hq_server.staff import accounts, totp
from hq_server.staff.access import Access, accesses
from hq_server.staff.rights import Role
from loyalty_core.units import EpochMs
from tests.hq.conftest import Client, Hq

PASSWORD = "seven small brown bears"


def cheap(password: str = PASSWORD) -> str:
    """Return what is kept of a password, at a cost that a test can pay often."""
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=1, lanes=1, memory_cost=8)
    return kdf.derive_phc_encoded(password.encode())


@dataclass
class People:
    """The people of one headquarters. Each code is of a half minute of its own: the clock goes on for it."""

    hq: Hq
    secrets: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, *roles: Role, codes: bool = True) -> None:
        """Make an account."""
        with self.hq.writing() as tx:
            accounts.add_account(tx, name, roles, cheap(), self.hq.clock())
            if codes:
                secret = self.secrets[name] = os.urandom(totp.SECRET_BYTES)
                key = totp.make_key(self.hq.config.data_dir, os.urandom(totp.KEY_BYTES))
                sealed = totp.sealed(key, name, secret, os.urandom(totp.NONCE_BYTES))
                accounts.set_totp(tx, name, sealed)

    def code(self, name: str, steps: int = 1) -> str:
        """Return a code that was not taken yet, of a later half minute; '' for who has none."""
        if name not in self.secrets:
            return ""
        self.hq.clock.now += steps * totp.STEP_MS
        return totp.code_at(self.secrets[name], totp.step_at(self.hq.clock()))

    def shown(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """Return what somebody shows who logs in."""
        return {"name": name, "password": password, "code": self.code(name)}

    def file(self, name: str, folder: Path, password: str = PASSWORD) -> tuple[str, str]:
        """Return the option by which a command is shown a password and a code."""
        path = folder / f"{name}.password"
        path.write_text(f"{password}\n{self.code(name)}\n", "utf-8")
        return ("--password-file", str(path))

    def log(self, **wanted: Any) -> list[Access]:
        """Return the access log, the newest first."""
        with self.hq.reading() as tx:
            return accesses(tx, **wanted)

    def account(self, name: str) -> accounts.Account:
        with self.hq.reading() as tx:
            return accounts.account_named(tx, name)


@dataclass
class Door:
    """What people and systems do over HTTP."""

    people: People
    client: Client
    tokens: dict[str, str] = field(default_factory=dict)

    async def login(self, name: str, **others: str) -> tuple[int, Any]:
        """Try to log in; who is let in is so from now on."""
        status, told = await self.ask("POST", "login", self.people.shown(name) | others)
        if status == 201:
            self.tokens[name] = told["token"]
        return status, told

    async def enter(self, *names: str) -> None:
        for name in names:
            assert (await self.login(name))[0] == 201

    async def ask(
        self, method: str, path: str, body: object = None, *, by: str = "", key: str = ""
    ) -> tuple[int, Any]:
        """Return the status, and what was answered or the code of the refusal."""
        headers = {"Authorization": f"Bearer {self.tokens.get(by, by)}"} if by else {}
        headers |= {"Idempotency-Key": key} if key else {}
        data = None if body is None else json.dumps(body)
        answer = await self.client.request(method, f"/api/v1/{path}", data=data, headers=headers)
        told = await answer.json(content_type=None)
        return answer.status, told if answer.status < 400 else told["code"]


def seen(rows: Iterable[Access]) -> list[tuple[str, str, str, str]]:
    """Return who did what to whom, the oldest first."""
    return [(one.who, one.kind, one.what, one.subject) for one in reversed(list(rows))]


def at(hq: Hq, later_ms: int) -> EpochMs:
    """Let time pass."""
    hq.clock.now += later_ms
    return hq.clock()
