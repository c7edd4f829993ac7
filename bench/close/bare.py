"""Bare SQL that closes a half-year: it writes the same rows in as many transactions, in either database.

It knows one ladder and no policy: no grants, merges or grace, nothing said of who may not report yet.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.close.houses import BUCKETS
from bench.year.asking import ask
from hq_server.store.connection import Connection, writing
from hq_server.store.database import opened
from hq_server.store.sqlite.connection import Connection as SqliteConnection
from loyalty_core.calendar import Period

ASSESS = """
INSERT INTO assessments (bucket, member_id, assessment_no, period_id, cause, kind, held, tier, qualifying,
  programme_version, start_day, from_day, decision, posted_at_ms)
SELECT bucket, member_id, {number}, '{period}', 'close',
  CASE WHEN qualifying >= 300 AND held <> 'GOLD' THEN 'upgrade'
    WHEN qualifying < 300 AND held = 'GOLD' THEN 'downgrade' ELSE 'renewal' END,
  held, CASE WHEN qualifying >= 300 THEN 'GOLD' WHEN qualifying >= 100 THEN 'SILVER' ELSE 'BRONZE' END,
  qualifying, 1, {day}, {day}, 1, {now}
FROM (
  SELECT m.bucket AS bucket, m.member_id AS member_id, coalesce(t.qualifying, 0) AS qualifying,
    (SELECT a.tier FROM assessments AS a WHERE a.bucket = m.bucket AND a.member_id = m.member_id
      ORDER BY a.assessment_no DESC LIMIT 1) AS held
  FROM members AS m LEFT JOIN totals AS t ON t.bucket = m.bucket AND t.member_id = m.member_id
    AND t.period_id = '{period}'
  WHERE m.bucket = {bucket}
) AS standing
"""
TELL = """
UPDATE changes SET change_no = {number} + told.place
FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) AS place FROM assessments
  WHERE bucket = {bucket} AND assessment_no = {number}) AS told
WHERE changes.bucket = {bucket} AND changes.member_id = told.member_id
"""
CLOSE = "INSERT INTO bucket_closes (bucket, period_id, entry_no) VALUES ({bucket}, '{period}', {number} - 1)"
COUNT = "UPDATE buckets SET change_no = {number} + {rows} WHERE bucket = {bucket}"


def close_by_sql(place: Path | str, period: Period) -> None:
    """Close every bucket."""
    told = {"period": period.id, "day": period.last + 16, "now": int(time.time() * 1000)}
    with opened(place) as conn:
        for bucket in range(BUCKETS):
            with writing(conn):
                ((number,),) = ask(conn, f"SELECT change_no + 1 FROM buckets WHERE bucket = {bucket}")
                rows = _rows(conn, ASSESS.format(bucket=bucket, number=number, **told))
                for sql in (TELL, CLOSE, COUNT):
                    _rows(conn, sql.format(bucket=bucket, number=number, rows=rows, **told))


def _rows(conn: Connection, sql: str) -> int:
    """Return how many rows a statement wrote."""
    if isinstance(conn, SqliteConnection):
        return int(conn.execute(sql).rowcount)
    return int(conn.wait(conn.line.execute, sql).split()[-1])
