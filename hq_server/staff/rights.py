"""What there is to be allowed at headquarters, and which role is allowed what. People may have several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, get_args

from loyalty_core.errors import BadInput

Right = Literal[
    "read:house",
    "read:members",
    "write:members",
    "export",
    "write:decisions",
    "approve",
    "write:programme",
    "operate",
    "staff",
    "feed",
    "metrics",
]
Role = Literal["viewer", "service", "approver", "owner", "operator"]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_VIEW: Final[frozenset[Right]] = frozenset({"read:house", "read:members", "metrics"})
OF_ROLE: Final[Mapping[Role, frozenset[Right]]] = {
    "viewer": _VIEW,
    "service": _VIEW | {"write:decisions"},
    "approver": _VIEW | {"approve"},
    "owner": _VIEW | {"write:programme", "export"},
    "operator": frozenset({"read:house", "metrics", "operate", "staff", "write:members"}),
}
"""An operator runs the service and need not see members; an owner sets rules and takes figures out."""
OF_PEOPLE: Final[frozenset[Right]] = frozenset({"approve", "staff"})
"""What no token is given: a verdict is a person's, who proves it, and so is who may do what."""


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Return all that these roles together are allowed."""
    return frozenset().union(*(OF_ROLE[role] for role in roles))


def roles_named(words: Iterable[str]) -> tuple[Role, ...]:
    """Return these roles in the order in which they are told, each once.

    Raises:
        BadInput: `role_unknown`.
    """
    named = set(words)
    if not named or (strange := named.difference(ROLES)):
        told = ", ".join(sorted(strange)) if named else "none"
        raise BadInput(f"the roles are {', '.join(ROLES)}; found: {told}", code="role_unknown")
    return tuple([role for role in ROLES if role in named])


def scopes_named(words: Iterable[str]) -> frozenset[Right]:
    """Return what a token is to open.

    Raises:
        BadInput: `scope_unknown`: none, or one that there is not or that only people have.
    """
    named = set(words)
    known = [right for right in RIGHTS if right not in OF_PEOPLE]
    if not named or (strange := named.difference(known)):
        told = ", ".join(sorted(strange)) if named else "none"
        raise BadInput(f"a token's scopes are {', '.join(known)}; found: {told}", code="scope_unknown")
    return frozenset([right for right in known if right in named])


def rights_kept(text: str) -> frozenset[Right]:
    """Return rights as the database keeps them; one of another release is none."""
    return frozenset([right for right in RIGHTS if right in text.split()])
