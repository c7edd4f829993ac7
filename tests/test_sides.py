"""HQ's two sides stay apart: arrivals (`store_id` in every primary key) and accounts (`bucket`).

The two keys are the distribution keys when one PostgreSQL is not enough, so nothing may tie a table of one
side to a table of the other: no foreign key, trigger, view or join. Sides are read off the migrations; a
query stands in the folder of its side, under hq_server/store/sql/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import PurePosixPath

import pytest

from tests.house_sources import Source, example, read, sql_strings

HQ_STORE = PurePosixPath("hq_server/store")
MIGRATIONS = HQ_STORE / "migrations"

# The kinds of database, each with the house tables that it alone has.
DIALECTS: Mapping[str, Mapping[str, str]] = {
    "sqlite": {},
    "postgresql": {"gate": "holds nothing: what writes locks it, and so waits for what must be alone"},
}

# Tables of hq_server that belong to neither side, each with the reason. No statement may name one of them
# together with a table of a side.
HOUSE_TABLES: Mapping[str, str] = {
    "house": "one row: the number of buckets, fixed at init, and which life of the database this is",
    "programmes": "few, never changed, and the same for every store and member",
    "hq_keys": "a handful, by which everything is signed",
    "sealing_keys": "one row: what opens the enrolments of every store",
    "programme_envelopes": "the programmes again, as a later key signed them",
    "tokens": "which other systems may call the API",
    "staff": "the people of headquarters; few",
    "strangers": "how often names were tried that nobody has; 65,536 rows at most",
    "stranger_keys": "one row: what their names are hashed with",
    "technicians": "the people who mend tills; few",
    "technician_passes": "which of them was given which pass, and until when; few a day",
    "technician_list": "one row: the version of what tills are told of them",
    "sessions": "who is logged in; few, and over by the evening",
    "access_log": "who looked at or changed what, in one order; bounded by age",
    "decisions": "what staff decided, in one order; few, and about stores, members and rules alike",
    "verdicts": "the second person's word on a decision",
    "webhooks": "some twenty addresses of other systems, each told of all members",
    "cases": "appeals: few, each a matter of one member and one period, found by its number",
    "case_evidence": "what was known of a case at each decision on it",
    "closes": "one row a period whose close was decided",
    "imported": "how many files came on sticks, by what became of them; some twenty rows",
}

# The folders under hq_server/store/sql/, and the key that a table must carry to be named there.
SIDE_KEYS = {"arrivals": "store_id", "accounts": "bucket"}
HOUSE = "house"

SQL_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?P<quoted>[^"]+)"|(?P<plain>[A-Za-z_]\w*|[(),;.])""",
    re.VERBOSE | re.DOTALL,
)


def sql_tokens(text: str) -> list[str]:
    """Return names (lower case), brackets, commas, dots and semicolons; no comments, strings or numbers."""
    found = (match["quoted"] or match["plain"] for match in SQL_TOKEN.finditer(text))
    return [token.lower() for token in found if token]


def sql_statements(text: str) -> Iterator[list[str]]:
    """Yield the tokens of each statement; the body of a trigger belongs to its statement."""
    statement: list[str] = []
    depth = 0
    tokens = sql_tokens(text)
    for token, following in zip(tokens, [*tokens[1:], ";"], strict=True):
        if token == ";" and depth == 0:
            if statement:
                yield statement
            statement = []
            continue
        if token == "case" or (token == "begin" and statement):
            depth += 1
        elif token == "end" and following not in ("if", "loop", "case"):
            depth = max(0, depth - 1)
        statement.append(token)
    if statement:
        yield statement


def table_created(statement: list[str]) -> tuple[str, frozenset[str]] | None:
    """Return the name and the primary key's columns of a CREATE TABLE, or None for any other statement."""
    if statement[0] != "create" or "table" not in statement[:4]:
        return None
    rest = statement[statement.index("table") + 1 :]
    if rest[:3] == ["if", "not", "exists"]:
        rest = rest[3:]
    name, body = rest[0], rest[1:]
    key: list[str] = []
    item_start = depth = 0
    for place, (token, following) in enumerate(pairwise([*body, ""])):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 1 and token in ("(", ","):
            item_start = place + 1
        if depth == 1 and (token, following) == ("primary", "key"):
            after = body[place + 2 :]
            if body[item_start] in ("primary", "constraint"):
                key = [part for part in after[1 : after.index(")")] if part != ","]
            else:
                key = [body[item_start]]
    return name, frozenset(key)


def table_keys(migrations: Iterable[Source]) -> dict[str, frozenset[str]]:
    """Return the primary key of every table as it is after all migrations, in order of their names."""
    keys: dict[str, frozenset[str]] = {}
    for source in sorted(migrations, key=lambda each: each.path.name):
        for statement in sql_statements(source.text):
            created = table_created(statement)
            if created:
                keys[created[0]] = created[1]
            elif statement[:2] == ["drop", "table"]:
                keys.pop(statement[-1], None)
            elif statement[:2] == ["alter", "table"] and statement[3:5] == ["rename", "to"]:
                keys[statement[5]] = keys.pop(statement[2])
    return keys


def side_of(key: frozenset[str]) -> str:
    """Return the side of a table with this primary key; HOUSE when it carries neither side's key."""
    sides = [side for side, column in SIDE_KEYS.items() if column in key]
    return " and ".join(sides) or HOUSE


def tables_have_a_side(keys: Mapping[str, frozenset[str]], house: Iterable[str]) -> list[str]:
    """Complain of tables that carry neither key or both, and of house tables that are none."""
    complaints = []
    for table, key in sorted(keys.items()):
        side = side_of(key)
        if side == HOUSE and table not in house:
            complaints.append(f"{table}: its primary key carries neither store_id nor bucket")
        if side not in (HOUSE, *SIDE_KEYS):
            complaints.append(f"{table}: its primary key carries both store_id and bucket")
    strangers = [table for table in sorted(house) if table not in keys or side_of(keys[table]) != HOUSE]
    return [*complaints, *(f"{table}: called a house table but is none" for table in strangers)]


def sides_named(tokens: list[str], keys: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """Return the tables that a statement names, by side. A name after a dot is a column."""
    named: dict[str, list[str]] = {}
    for before, token in pairwise(["", *tokens]):
        if token in keys and before != "." and token not in named.get(side_of(keys[token]), []):
            named.setdefault(side_of(keys[token]), []).append(token)
    return named


def crossing(where: str, named: Mapping[str, list[str]]) -> str:
    told = "; ".join(f"{side}: {', '.join(tables)}" for side, tables in sorted(named.items()))
    return f"{where}: one statement names tables of two sides ({told})"


def migrations_keep_sides_apart(source: Source, keys: Mapping[str, frozenset[str]]) -> list[str]:
    """Complain of a statement, with its foreign keys and triggers, that names tables of two sides."""
    complaints = []
    for statement in sql_statements(source.text):
        named = sides_named(statement, keys)
        if len(named) > 1:
            complaints.append(crossing(f"{source.path}: {' '.join(statement[:4])}", named))
    return complaints


def queries_keep_to_their_side(source: Source, keys: Mapping[str, frozenset[str]]) -> list[str]:
    """Complain of a query that names a table of another side than the folder that its file is in."""
    allowed = {*SIDE_KEYS, HOUSE}.intersection(source.path.parts)
    if len(allowed) != 1:
        return [f"{source.path}: stands in none of {', '.join((*SIDE_KEYS, HOUSE))}"]
    complaints = []
    queries = re.split(r"(?m)^\s*--\s*name:\s*", source.text)[1:]
    if not queries:
        complaints.append(f"{source.path}: holds no query that begins with `-- name:`")
    for block in queries:
        name, _, body = block.partition("\n")
        for side, tables in sides_named(sql_tokens(body), keys).items():
            if side not in allowed:
                complaints.append(
                    f"{source.path}: {name.strip()} names {', '.join(tables)} of the {side} side"
                )
    return complaints


def strings_keep_sides_apart(source: Source, keys: Mapping[str, frozenset[str]]) -> list[str]:
    """Complain of a statement in a Python file that names tables of two sides."""
    complaints = []
    for node, text in sql_strings(source):
        named = sides_named(sql_tokens(text), keys)
        if len(named) > 1:
            complaints.append(crossing(f"{source.path}:{node.lineno}", named))
    return complaints


# The house as it stands


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_table_of_headquarters_has_a_side(dialect: str) -> None:
    house = {*HOUSE_TABLES, *DIALECTS[dialect]}
    assert tables_have_a_side(table_keys(read(MIGRATIONS / dialect, "*.sql")), house) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_migrations_keep_the_two_sides_apart(dialect: str) -> None:
    migrations = read(MIGRATIONS / dialect, "*.sql")
    keys = table_keys(migrations)
    assert [each for source in migrations for each in migrations_keep_sides_apart(source, keys)] == []


def test_queries_keep_to_their_side() -> None:
    keys = table_keys(read(MIGRATIONS / "sqlite", "*.sql"))
    for side in SIDE_KEYS:
        read(HQ_STORE / "sql" / side, "*.sql")
    queries = read(HQ_STORE / "sql", "*.sql")
    assert [each for source in queries for each in queries_keep_to_their_side(source, keys)] == []
    scripts = read(HQ_STORE, "*.py")
    assert [each for source in scripts for each in strings_keep_sides_apart(source, keys)] == []


# Each law can fail


MIGRATION = example(
    "hq_server/store/migrations/0001_first.sql",
    """
    -- Bytes as they came; `entries` in a comment is no table named.
    CREATE TABLE batches (
        store_id TEXT NOT NULL, terminal_id TEXT NOT NULL, bytes BLOB NOT NULL CHECK (length(bytes) > 0),
        PRIMARY KEY (store_id, terminal_id)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS entries (
        bucket INTEGER, n NUMERIC(10, 2), CONSTRAINT own PRIMARY KEY (bucket, n)
    );
    CREATE TABLE "buckets" (bucket INTEGER NOT NULL PRIMARY KEY, change_no INTEGER NOT NULL);
    CREATE TABLE staff (name TEXT PRIMARY KEY CHECK (name <> 'entries; batches'));
    CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN
        SELECT CASE WHEN 1 THEN RAISE(ABORT, 'entries are never deleted') END;
    END;
    CREATE TRIGGER batches_stay BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'kept'); END;
    """,
)
KEYS = table_keys([MIGRATION])


def test_a_primary_key_is_read_wherever_it_stands() -> None:
    assert {table: sorted(key) for table, key in KEYS.items()} == {
        "batches": ["store_id", "terminal_id"],
        "entries": ["bucket", "n"],
        "buckets": ["bucket"],
        "staff": ["name"],
    }


def test_a_table_that_a_later_migration_renames_keeps_its_key() -> None:
    later = example(
        "hq_server/store/migrations/0002_next.sql", "DROP TABLE staff; ALTER TABLE batches RENAME TO boxes;"
    )
    assert table_keys([later, MIGRATION]).keys() == {"boxes", "entries", "buckets"}


def test_a_table_without_a_side_must_be_called_a_house_table() -> None:
    assert tables_have_a_side(KEYS, ["staff"]) == []
    assert tables_have_a_side(KEYS, []) == ["staff: its primary key carries neither store_id nor bucket"]
    assert tables_have_a_side(KEYS, ["staff", "entries"]) == ["entries: called a house table but is none"]
    assert tables_have_a_side({"both": frozenset({"store_id", "bucket"})}, []) == [
        "both: its primary key carries both store_id and bucket"
    ]


@pytest.mark.parametrize(
    ("text", "crosses"),
    [
        (MIGRATION.text, False),
        ("CREATE TABLE lots (bucket INTEGER PRIMARY KEY REFERENCES buckets (bucket))", False),
        (
            "CREATE TABLE lots (bucket INTEGER PRIMARY KEY); CREATE TABLE bags (store_id TEXT PRIMARY KEY)",
            False,
        ),
        ("CREATE TABLE lots (bucket INTEGER PRIMARY KEY, b TEXT REFERENCES batches (terminal_id))", True),
        ("CREATE TRIGGER t AFTER INSERT ON batches BEGIN SELECT 1; DELETE FROM entries; END;", True),
        ("CREATE VIEW v AS SELECT 1 FROM staff, buckets", True),
    ],
)
def test_a_migration_may_not_tie_the_sides_together(text: str, *, crosses: bool) -> None:
    source = example("hq_server/store/migrations/0002_next.sql", text)
    keys = table_keys([MIGRATION, source])
    assert bool(migrations_keep_sides_apart(source, keys)) == crosses


@pytest.mark.parametrize(
    ("folder", "text", "complaints"),
    [
        ("arrivals", "-- name: head^\nSELECT b.entries FROM batches AS b -- not entries", 0),
        ("accounts", "-- name: one\nSELECT n FROM entries\n-- name: two\nSELECT 1 FROM buckets", 0),
        ("house", "-- name: who\nSELECT name FROM staff", 0),
        ("accounts/postgresql", "-- name: one\nSELECT n FROM entries", 0),
        ("arrivals", "-- name: head^\nSELECT 1 FROM batches JOIN entries USING (n)", 1),
        ("accounts", "-- name: one\nSELECT n FROM entries\n-- name: two\nSELECT 1 FROM batches", 1),
        ("accounts", "-- name: who\nSELECT name FROM Staff", 1),
        ("", "-- name: who\nSELECT name FROM staff", 1),
        ("arrivals", "SELECT 1 FROM entries", 1),
    ],
)
def test_a_query_may_name_only_tables_of_its_folder(folder: str, text: str, complaints: int) -> None:
    source = example(f"hq_server/store/sql/{folder}/queries.sql", text)
    assert len(queries_keep_to_their_side(source, KEYS)) == complaints


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("q = 'SELECT 1 FROM batches'", 0),
        ("q = 'SELECT 1 FROM batches WHERE terminal_id IN (SELECT n FROM entries)'", 1),
    ],
)
def test_a_statement_in_a_python_file_may_not_join_the_sides(text: str, complaints: int) -> None:
    source = example("hq_server/store/database.py", text)
    assert len(strings_keep_sides_apart(source, KEYS)) == complaints
