"""Rows of a file -> recorded, recognised or set aside, a chunk a transaction, a savepoint a receipt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from edge_agent.books import Books
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter.handed_in import understand
from edge_agent.pos_adapter.rows import Row
from edge_agent.pos_adapter.understanding import Expectations
from edge_agent.recorder import Intake, Outcome, Recorder, intake_of
from edge_agent.store import quarantine, sources
from edge_agent.store.database import Connection, StoreError, savepoint
from edge_agent.store.quarantine import Refused
from edge_agent.store.sources import Source
from loyalty_core.errors import BadInput

CHUNK: Final = 200
"""Receipts a transaction: long enough to share a commit, short enough that a sale need not wait."""
BUDGET_MS: Final = 40
"""How long a chunk may hold the writer: sales of a card that is used all day cost more with each receipt."""


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """What a row became; `code` and `sentence` say why it was refused or passed over.

    One that was refused is `kept`, in part only where it `is_cut`: where it is not, its file alone has it.
    """

    place: str
    became: Literal["recorded", "repeated", "refused", "passed"]
    outcome: Outcome | None = None
    code: str = ""
    sentence: str = ""
    kept: bool = True
    is_cut: bool = False


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is ready to be recorded, or the reason why it is not; neither where it counts nothing."""

    row: Row
    intake: Intake | None = None
    refusal: BadInput | None = None


def chunks(
    rows: Iterable[Row], expected: Expectations, adapter: str, size: int = CHUNK
) -> Iterator[list[Understood]]:
    """Yield the rows understood, `size` at a time. Touches no store.

    Where reading fails, those before it are yielded first.
    """
    chunk: list[Understood] = []
    try:
        for row in rows:
            chunk.append(_understood(row, expected, adapter))
            if len(chunk) == size:
                yield chunk
                chunk = []
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def take(
    conn: Connection,
    recorder: Recorder,
    config: EdgeConfig,
    chunk: Sequence[Understood],
    *,
    source: str,
    adapter: str,
    clock: Clock,
    refused_at: set[str],
    telling: bool = False,
) -> list[Became]:
    """Record the beginning of a chunk and say what became of each row. Durable with the caller's transaction.

    A row that comes again in the same bytes is not looked at further, unless its points are to be told.
    `refused_at` collects where this reading set something aside: what else stands there does not mend it.

    It ends after `BUDGET_MS`, with at least one row: a sale never waits longer for an import. What the
    quarantine has no room for is `kept` nowhere but in its file.

    Raises:
        StoreError: when the store can take no more; nothing of the chunk was kept.
    """
    until_ms = clock.monotonic_ms() + BUDGET_MS
    mending = quarantine.has_open(conn, source)
    books = recorder.books(conn)
    known = {} if telling else _known(conn, books, chunk)
    result: list[Became] = []
    for ready in chunk:
        again = ready.intake
        if again is not None and recorder.comes_again(again, known.get(again.natural_key)):
            became = Became(place=ready.row.place, became="repeated")
        else:
            became = _record(conn, recorder, books, ready)
        if became.became != "refused":
            if mending and ready.row.place not in refused_at:
                quarantine.settle_place(conn, source, ready.row.place)
        elif not _is_set_aside(conn, config, ready.row, became, source, adapter, clock.wall_ms()):
            became = msgspec.structs.replace(became, kept=False)
        else:
            refused_at.add(ready.row.place)
            became = msgspec.structs.replace(became, is_cut=len(ready.row.raw) > config.raw_bytes_max)
        result.append(became)
        if clock.monotonic_ms() > until_ms:
            break
    return result


def record(conn: Connection, recorder: Recorder, chunk: Sequence[Understood]) -> list[Became]:
    """Record a chunk, a savepoint a row, and say what became of each. Sets nothing aside."""
    books = recorder.books(conn)
    return [_record(conn, recorder, books, ready) for ready in chunk]


def _known(conn: Connection, books: Books, chunk: Sequence[Understood]) -> dict[str, Source]:
    keys = [ready.intake.natural_key for ready in chunk if ready.intake is not None]
    return sources.among(conn, keys, books.terminal.terminal_id)


def _is_set_aside(
    conn: Connection, config: EdgeConfig, row: Row, became: Became, source: str, adapter: str, now_ms: int
) -> bool:
    """Set a refused row aside; tell whether there was room for it."""
    refusal = BadInput(became.sentence, code=became.code)
    try:
        set_aside(conn, config, row, refusal, source=source, adapter=adapter, now_ms=now_ms)
    except StoreError as error:
        if error.code != "quarantine_full":
            raise
        return False
    return True


def _record(conn: Connection, recorder: Recorder, books: Books, ready: Understood) -> Became:
    place, head, refusal = ready.row.place, books.head, ready.refusal
    if ready.row.passed:
        said = "; ".join(ready.row.notices)
        return Became(place=place, became="passed", code=ready.row.passed, sentence=said)
    if ready.intake is not None:
        try:
            with savepoint(conn):
                outcome = recorder.record(conn, books, ready.intake)
            return Became(place=place, became="repeated" if outcome.repeated else "recorded", outcome=outcome)
        except BadInput as error:
            books.head, refusal = head, error
    code, sentence = (refusal.code, str(refusal)) if refusal else ("bad_input", "")
    return Became(place=place, became="refused", code=code, sentence=sentence)


def set_aside(
    conn: Connection,
    config: EdgeConfig,
    row: Row,
    refusal: BadInput,
    *,
    source: str,
    adapter: str,
    now_ms: int,
) -> None:
    """Keep a refused input with its reason. Idempotent."""
    refused = Refused(
        adapter=adapter,
        source=source,
        place=row.place,
        code=refusal.code,
        sentence=str(refusal),
        raw=row.raw[: config.raw_bytes_max],
        at_ms=now_ms,
    )
    quarantine.put(conn, refused, config.quarantine_rows_max)


def _understood(row: Row, expected: Expectations, adapter: str) -> Understood:
    if row.receipt is None:
        return Understood(row=row, refusal=row.refusal)
    try:
        understood = understand(row.receipt, expected)
        intake = intake_of(understood, row.receipt.member, adapter, row.raw)
        if row.notices or row.is_copy:
            intake = msgspec.structs.replace(
                intake, notices=row.notices + intake.notices, is_copy=row.is_copy
            )
        return Understood(row=row, intake=intake)
    except BadInput as error:
        return Understood(row=row, refusal=error)
