"""Members who were one by HQ's decision and are two again: each gets back what the journal says is theirs.

While they were one, all that this till had booked stood under the one who stands for both. What an event of
the one moved of the other's is dropped. What HQ has not posted by then may be off by that, or by points that
came back to who had paid for another's purchase, until HQ's next word.
"""

from __future__ import annotations

from edge_agent.books import Books, Shelf
from edge_agent.own_facts import purchase_as_known, purchase_of
from edge_agent.owners import account_of
from edge_agent.store import entries, journal, redemptions, sources
from edge_agent.store.database import Connection
from loyalty_core.entries import NO_EVENT
from loyalty_core.events import EventId, RedemptionCommitted


def part(conn: Connection, account: str) -> None:
    """Give everything under an account to whom it belongs by what HQ has told of members until now."""
    books = Shelf().open(conn)
    terminal, owners = books.terminal, dict[EventId, str]()

    def owner_of(event: EventId) -> str:
        if event not in owners:
            owners[event] = _owner(conn, books, event) or account
        return owners[event]

    for natural_key, event in sources.of_account(conn, account, terminal.terminal_id):
        sources.give(conn, natural_key, owner_of(event))
    for cause, of in entries.moves_of(conn, account, terminal.terminal_id):
        owner = owner_of(cause)
        if of.seq != NO_EVENT.seq and owner_of(of) != owner:
            entries.drop(conn, account, cause, of)
        elif owner != account:
            entries.give(conn, account, cause, of, owner)
    for one in redemptions.of_account(conn, account, terminal.terminal_id):
        owner = account_of(conn, terminal.store_key, one.member)
        redemptions.give(conn, one.redemption_id, one.member if owner.startswith("h:") else owner)


def _owner(conn: Connection, books: Books, event: EventId) -> str | None:
    """Return the account whose an event is; what concerns a purchase is its owner's, but for what paid it."""
    record = journal.read_at(conn, event)
    if record is None:
        return None
    says = record.event
    purchase, named = purchase_of(says), says.member
    if purchase is not None and not isinstance(says, RedemptionCommitted):
        named = purchase_as_known(conn, books, purchase).owner
    return None if named is None else account_of(conn, books.terminal.store_key, named)
