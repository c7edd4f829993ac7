"""What was set aside, handed in once more: the same bytes, after what was wrong around them was put right."""

from __future__ import annotations

from edge_agent.clock import Clock
from edge_agent.config import Csv, EdgeConfig
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.intake import Became
from edge_agent.pos_adapter.rows import rows_of
from edge_agent.recorder import Recorder
from edge_agent.store import quarantine
from edge_agent.store.database import Connection, transaction
from edge_agent.store.migrations import open_database
from edge_agent.store.quarantine import Refused
from loyalty_core.errors import BadInput


def retry(config: EdgeConfig, clock: Clock, quarantine_id: int | None) -> list[tuple[int, Became]]:
    """Return what became of one input that was set aside, or of all of them. What is recorded is mended.

    Raises:
        BadInput: `quarantine_unknown`.
    """
    conn = open_database(config.database)
    try:
        chosen = [row for row in quarantine.open_rows(conn) if quarantine_id in {None, row.quarantine_id}]
        if quarantine_id is not None and not chosen:
            raise _unknown(quarantine_id)
        recorder = Recorder(config, clock)
        return [(row.quarantine_id, _again(conn, config, recorder, row)) for row in chosen]
    finally:
        conn.close()


def discard(config: EdgeConfig, quarantine_id: int, reason: str) -> None:
    """Give up one input that was set aside, for a reason that is kept.

    Raises:
        BadInput: `quarantine_unknown`.
    """
    conn = open_database(config.database)
    try:
        with transaction(conn):
            if not quarantine.settle(conn, quarantine_id, "discarded", reason):
                raise _unknown(quarantine_id)
    finally:
        conn.close()


def _again(conn: Connection, config: EdgeConfig, recorder: Recorder, refused: Refused) -> Became:
    with transaction(conn):
        try:
            expected = recorder.expectations(recorder.books(conn))
            csv = config.folder.csv if config.folder else Csv()
            adapter = "csv" if refused.adapter == "csv" else "jsonl"
            rows = list(intake.chunks(rows_of(adapter, refused.raw, csv), expected, refused.adapter))
        except BadInput as error:
            return Became(place=refused.place, became="refused", code=error.code, sentence=str(error))
        if len(rows) != 1 or len(rows[0]) != 1:
            return Became(
                place=refused.place,
                became="refused",
                code=refused.code,
                sentence="hand in the whole file again: edge-agent take FILE",
            )
        (became,) = intake.record(conn, recorder, rows[0])
        if became.became != "refused":
            quarantine.settle(conn, refused.quarantine_id, "mended", "handed in again")
        return became


def _unknown(quarantine_id: int) -> BadInput:
    return BadInput(
        f"nothing is set aside under {quarantine_id}: see edge-agent quarantine", code="quarantine_unknown"
    )
