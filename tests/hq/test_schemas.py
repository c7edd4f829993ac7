"""Both databases hold the same: tables, columns, keys, indexes, views and guards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from hq_server.store.connection import reading
from hq_server.store.database import create
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.migrate import migrate, triggers_made
from tests.postgresql import Cluster, Session

SQLITE_ALONE = re.compile(r"_is_never_replaced(_by_its_key)?$")
"""Guards against INSERT OR REPLACE, which PostgreSQL does not know."""
POSTGRESQL_ALONE = re.compile(r"_is_never_truncated$")
"""Guards against TRUNCATE, which SQLite does not know."""
KINDS = {"INTEGER": "bigint", "TEXT": 'text COLLATE "C"', "BLOB": "bytea"}
SENTENCE = re.compile(r"(?:RAISE\(ABORT, |EXECUTE FUNCTION \w+\()'([^']*)'\)")
COLUMNS = """
SELECT relname::text, attname::text, format_type(atttypid, NULL)
  || CASE collname WHEN 'C' THEN ' COLLATE "C"' WHEN 'default' THEN ' of the database' ELSE '' END,
  attnotnull, pg_get_expr(adbin, adrelid)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
LEFT JOIN pg_collation ON pg_collation.oid = attcollation
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
"""
INDEXES = """
SELECT relname::text, indisprimary, indisunique, index.indpred IS NOT NULL,
  (SELECT string_agg(pg_get_indexdef(index.indexrelid, place, true), ', ' ORDER BY place)
    FROM generate_series(1, index.indnkeyatts) AS place),
  (SELECT relname::text FROM pg_class WHERE oid = index.indexrelid)
FROM pg_index AS index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace
"""
CHECKS = """
SELECT relname::text, count(*) FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype = 'c' AND relnamespace = 'public'::regnamespace GROUP BY relname
"""
VIEWS = "SELECT viewname::text FROM pg_views WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


@pytest.fixture(scope="module")
def made(postgresql: Cluster) -> Iterator[str]:
    name = postgresql.database()
    create(postgresql.url(name)).close()
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture(scope="module")
def session(made: str) -> Iterator[Session]:
    with closing(Session(made)) as opened:
        yield opened


def tables(sqlite: sqlite3.Connection) -> dict[str, str]:
    named = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return dict(sqlite.execute(named).fetchall())


def test_tables_have_the_same_columns(sqlite: sqlite3.Connection, session: Session) -> None:
    expected = {}
    for table in tables(sqlite):
        for _, name, kind, required, default, _ in sqlite.execute(f"PRAGMA table_info({table})"):
            expected[table, name] = (KINDS[kind], bool(required), default)
    found = {}
    for table, name, kind, required, default in session.run(COLUMNS):
        plain = None if default is None else default.replace("::bigint", "").replace("::text", "")
        found[table, name] = (kind, required, plain)
    assert found.pop(("gate", "only"))
    assert found == expected


def test_tables_have_the_same_keys_and_indexes(sqlite: sqlite3.Connection, session: Session) -> None:
    expected = set()
    for table in tables(sqlite):
        keyed = [row for row in sqlite.execute(f"PRAGMA table_info({table})") if row[5]]
        key = ", ".join(row[1] for row in sorted(keyed, key=lambda row: row[5]))
        expected.add((table, True, True, False, key, ""))
        for _, name, unique, origin, partial in sqlite.execute(f"PRAGMA index_list({table})"):
            columns = ", ".join(row[2] for row in sqlite.execute(f"PRAGMA index_info({name})"))
            if origin != "pk":
                own = "" if origin == "u" else name
                expected.add((table, False, bool(unique), bool(partial), columns, own))
    made_by_us = set(
        re.findall(
            r"CREATE (?:UNIQUE )?INDEX (\w+)",
            "\n".join(
                sql
                for (sql,) in sqlite.execute(
                    "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
                )
            ),
        )
    )
    found = {
        (table, primary, unique, partial, columns.replace('"', ""), name if name in made_by_us else "")
        for table, primary, unique, partial, columns, name in session.run(INDEXES)
        if table != "gate"
    }
    assert found == expected


def test_tables_have_as_many_checks(sqlite: sqlite3.Connection, session: Session) -> None:
    expected = {name: sql.count("CHECK (") for name, sql in tables(sqlite).items() if "CHECK (" in sql}
    assert {name: count for name, count in session.run(CHECKS) if name != "gate"} == expected


def test_there_are_the_same_views(sqlite: sqlite3.Connection, session: Session) -> None:
    expected = sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name").fetchall()
    assert sorted(session.run(VIEWS)) == expected


def test_the_same_is_guarded_in_the_same_words(made: str) -> None:
    expected = {
        name: (table, SENTENCE.findall(text))
        for name, table, text in triggers_made()
        if not SQLITE_ALONE.search(name) or "coalesce(max(" in text
    }
    with closing(create(made)) as connection, reading(connection) as tx:
        found = {name: (table, SENTENCE.findall(text)) for name, table, text in tx.all("house.triggers")}
    assert {name: one for name, one in found.items() if not POSTGRESQL_ALONE.search(name)} == expected
    deleted = {
        name.replace("_deleted", "_truncated") for name in expected if name.endswith("_is_never_deleted")
    }
    assert deleted <= found.keys()
