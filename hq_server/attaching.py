"""An unknown card or phone is a member's by decision: what was held for it becomes theirs, and it names them.

The decision keeps digests, not the card or phone itself, so that erasing the member leaves none behind.
"""

from __future__ import annotations

import msgspec

from hq_server.decisions import Said, keep_decision
from hq_server.deliver import attach, settle_disputes
from hq_server.hashes import hashes_of
from hq_server.house import House
from hq_server.references import bucket_of, digest_of, held_spellings, members_of, places_json
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.lookups import candidates, card_of
from loyalty_core.units import EpochMs


class Attached(msgspec.Struct, frozen=True):
    """The detail of an attachment: digests of what was given to the subject."""

    digests: tuple[str, ...]


def attach_reference(
    tx: Transaction, house: House, text: str, region: str, member_id: str, by: Said, now_ms: EpochMs
) -> int:
    """Give what is held for a card, a phone or a reference to a member; return the decision's number.

    `text` is a reference as exceptions show it (`card:...`, `id:...`, `h:...`), or a card or phone as typed.
    The member was not erased.

    Raises:
        BadInput: `look_up_taken`, `nothing_held`.
    """
    forms = (text,) if text.startswith(("card:", "id:", "h:")) else candidates(text, region)
    # Whoever has the card has all that was typed for it, so all of that is theirs at once.
    cards = {card_of(form) for form in forms if form.startswith(("card:", "id:"))}
    known = members_of(tx, {*forms, *cards}, house.bucket_count)
    others = sorted({owner for owner in known.values() if owner != member_id})
    if others:
        raise BadInput(
            f"it names member {others[0]} already: merge the two, if they are one", code="look_up_taken"
        )
    hashes = hashes_of(tx, [(form, member_id) for form in forms if form.startswith("phone:")])
    names = {form for form in forms if not form.startswith("phone:")} | {name for name, _ in hashes}
    names |= cards | held_spellings(tx, cards, house.bucket_count)
    keys = places_json(sorted(names), house.bucket_count)
    held = [name for (name,) in tx.all("accounts.held_references", keys=keys)]
    if not held:
        raise BadInput(
            "nothing is held for it: import it with the member's look-ups instead", code="nothing_held"
        )
    detail = Attached(tuple(sorted(digest_of(name) for name in held)))
    number = keep_decision(tx, "attachment", member_id, detail, by, now_ms)
    found = {card_of(name) for name in held if not name.startswith("h:")}
    for look_up in found | {form for form in forms if hashes and form.startswith("phone:")}:
        bucket = bucket_of(look_up, house.bucket_count)
        tx.run("accounts.add_look_up", bucket=bucket, look_up=look_up, member_id=member_id)
        bucket = bucket_of(member_id, house.bucket_count)
        tx.run("accounts.add_member_look_up", bucket=bucket, member_id=member_id, look_up=look_up)
    attach(tx, house, [(name, member_id) for name in held], now_ms)
    settle_disputes(tx, house, now_ms)
    return number
