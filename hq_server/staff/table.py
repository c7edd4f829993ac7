"""The one table of who may what: the right that each address and each command of headquarters needs.

Whoever adds an address or a command adds its line here; `tests/hq/staff/test_table.py` walks all of them.
What has no line is refused to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hq_server.staff.rights import Right


class Need(msgspec.Struct, frozen=True):
    """What something needs, and what of it the access log keeps.

    Without a right it is for whoever reaches it: tills, who sign, and people at the machine. `personal` says
    that it shows data of members, `changes` that it changes something.
    """

    right: Right | None
    personal: bool = False
    changes: bool = False

    @property
    def is_kept(self) -> bool:
        """Tell whether the access log keeps that it was done."""
        return self.personal or self.changes


OPEN: Final = Need(None)


def sees(right: Right) -> Need:
    """Return the need of what shows nothing of members."""
    return Need(right)


def shows(right: Right) -> Need:
    """Return the need of what shows data of members."""
    return Need(right, personal=True)


def does(right: Right | None) -> Need:
    """Return the need of what changes something."""
    return Need(right, changes=True)


ROUTES: Final[Mapping[str, Need]] = {
    # Tills prove by their signature who they are.
    "POST /v1/exchange": OPEN,
    "POST /v1/enrol": OPEN,
    "POST /v1/rotate": OPEN,
    # Of the service itself.
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /openapi.json": OPEN,
    "GET /metrics": sees("metrics"),
    # People show a password here; whoever has a session may end it.
    "POST /api/v1/login": does(None),
    "POST /api/v1/password": does(None),
    "POST /api/v1/totp": does(None),
    "POST /api/v1/logout": does(None),
    # Members.
    "GET /api/v1/members/{look_up}": shows("read:members"),
    "GET /api/v1/members/{look_up}/entries": shows("read:members"),
    "GET /api/v1/members/{look_up}/coupons": shows("read:members"),
    # The house.
    "GET /api/v1/terminals": sees("read:house"),
    "GET /api/v1/exceptions": sees("read:house"),
    "GET /api/v1/technicians/actions": sees("read:house"),
    "GET /api/v1/periods": sees("read:house"),
    "GET /api/v1/periods/{period_id}": shows("read:members"),
    "POST /api/v1/periods/{period_id}/close": does("write:programme"),
    "POST /api/v1/periods/{period_id}/exclusions": does("write:programme"),
    "GET /api/v1/programmes": sees("read:house"),
    # Decisions.
    "GET /api/v1/adjustments": shows("read:members"),
    "POST /api/v1/adjustments": does("write:decisions"),
    "POST /api/v1/adjustments/{number}/approve": does("approve"),
    "POST /api/v1/adjustments/{number}/refuse": does("approve"),
    "POST /api/v1/coupons": does("write:decisions"),
    # All of one kind at once.
    "GET /api/v1/exports/members": shows("export"),
    "GET /api/v1/exports/entries": shows("export"),
    "GET /api/v1/exports/exceptions": shows("export"),
    "GET /api/v1/exports/decisions": shows("export"),
    "GET /api/v1/exports/cases": shows("export"),
    # The near-miss desk.
    "GET /api/v1/cases": shows("read:members"),
    "POST /api/v1/cases": does("write:decisions"),
    "GET /api/v1/cases/{number}": shows("read:members"),
    "POST /api/v1/cases/{number}/propose": does("write:decisions"),
    "POST /api/v1/cases/{number}/refuse": does("write:decisions"),
    "POST /api/v1/cases/{number}/withdraw": does("write:decisions"),
    "GET /api/v1/grants": shows("read:members"),
    "POST /api/v1/grants/{number}/approve": does("approve"),
    "POST /api/v1/grants/{number}/refuse": does("approve"),
    "GET /api/v1/desk/{period_id}": shows("read:members"),
    "GET /api/v1/desk/{period_id}/figures": sees("read:house"),
    "GET /api/v1/gifts": shows("read:members"),
    "GET /api/v1/members/{look_up}/gifts": shows("read:members"),
    "POST /api/v1/gifts/{gift_id}/hand-over": does("write:decisions"),
    # What other systems follow: ids, points and tiers, again and again. With persons it needs more: api.feed.
    "GET /api/v1/changes": sees("feed"),
}

COMMANDS: Final[Mapping[str, Need]] = {
    # Of the machine: who runs these owns it.
    "init": OPEN,
    "serve": OPEN,
    "restore": does("operate"),
    "backup": does("operate"),
    "move": does("operate"),
    "drill": sees("operate"),
    "import": does("operate"),
    "audit": sees("read:house"),
    "key list": sees("read:house"),
    "key rotate": does("operate"),
    "key drop": does("operate"),
    # Tokens.
    "token add": does("staff"),
    "token list": sees("staff"),
    "token revoke": does("staff"),
    # People.
    "staff add": does("staff"),
    "staff list": sees("staff"),
    "staff role": does("staff"),
    "staff password": does("staff"),
    "staff totp": does("staff"),
    "staff disable": does("staff"),
    "staff enable": does("staff"),
    "access list": sees("staff"),
    # Other systems.
    "webhook add": does("operate"),
    "webhook list": sees("read:house"),
    "webhook test": does("operate"),
    "webhook pause": does("operate"),
    "webhook resume": does("operate"),
    "webhook remove": does("operate"),
    # Tills.
    "store add": does("operate"),
    "store list": sees("read:house"),
    "terminal invite": does("operate"),
    "terminal list": sees("read:house"),
    "terminal approve": does("operate"),
    "terminal revoke": does("operate"),
    "technician add": does("operate"),
    "technician pin": does("operate"),
    "technician list": sees("read:house"),
    "technician pass": does("operate"),
    "technician passes": sees("read:house"),
    "technician revoke": does("operate"),
    "technician actions": sees("read:house"),
    # Rules and periods.
    "programme check": OPEN,
    "programme diff": sees("read:house"),
    "programme publish": does("write:programme"),
    "programme list": sees("read:house"),
    "period status": shows("read:members"),
    "period list": sees("read:house"),
    "period close": does("write:programme"),
    # Members and what is decided about them.
    "member import": does("write:members"),
    "member show": shows("read:members"),
    "member attach": does("write:decisions"),
    "member merge": does("write:decisions"),
    "member unmerge": does("write:decisions"),
    "member erase": does("write:decisions"),
    "receipt claim": does("write:decisions"),
    "receipt match": does("write:decisions"),
    "event place": does("write:decisions"),
    "event place-all": does("write:decisions"),
    "event unplace": does("write:decisions"),
    "event show": sees("read:house"),
    "adjust propose": does("write:decisions"),
    "adjust list": shows("read:members"),
    "adjust approve": does("approve"),
    "adjust refuse": does("approve"),
    "coupon issue": does("write:decisions"),
    "coupon list": shows("read:members"),
    "case list": shows("read:members"),
    "case open": does("write:decisions"),
    "case show": shows("read:members"),
    "case propose": does("write:decisions"),
    "case refuse": does("write:decisions"),
    "case withdraw": does("write:decisions"),
    "desk list": shows("read:members"),
    "desk figures": sees("read:house"),
    "gift list": shows("read:members"),
    "gift hand-over": does("write:decisions"),
    "decision list": shows("read:members"),
    "decision approve": does("approve"),
    "decision refuse": does("approve"),
    # All of one kind at once.
    "export members": shows("export"),
    "export entries": shows("export"),
    "export exceptions": shows("export"),
    "export decisions": shows("export"),
    "export cases": shows("export"),
    # What does not fit.
    "exceptions list": sees("read:house"),
    "exceptions explain": does("write:decisions"),
    "reconcile": sees("read:house"),
    # What is not kept for ever.
    "retention status": shows("read:members"),
    "archive": does("operate"),
}


def need_of_route(method: str, path: str) -> Need | None:
    """Return what a route needs, by its path as it was declared; None where nobody said."""
    return ROUTES.get(f"{'GET' if method == 'HEAD' else method} {path}")


def need_of_command(words: str) -> Need:
    """Return what a command needs, such as `member show`.

    Raises:
        LookupError: nobody said.
    """
    try:
        return COMMANDS[words]
    except KeyError:
        raise LookupError(unsaid(f'command "{words}"')) from None


def unsaid(what: str) -> str:
    """Return the sentence for who added something without saying who may use it."""
    return f"{what} has no line in hq_server/staff/table.py: say there which right it needs"
