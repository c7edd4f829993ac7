"""Statements: one text for both databases, put into each one's own words."""

from __future__ import annotations

import re

from hq_server.store.sqlite import sqlite3
from hq_server.store.statements import STATEMENTS, postgresql_form, postgresql_statements, sqlite_form

TWO = (
    "SELECT m.name FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted\n"
    "CROSS JOIN members AS m INDEXED BY by_name ON m.bucket = wanted.bucket AND m.erased = :erased;"
)
FOREIGN = re.compile(r"json_\w|->|\bGLOB\b|\bLIKE\b|\browid\b|\bIS (NOT )?[:\w.]*[a-z:]\w*\b", re.ASCII)
"""Words of SQLite alone, or of another meaning to PostgreSQL; NULL is written in capitals."""


def test_a_table_of_keys_is_read_from_json_by_sqlite_and_from_arrays_by_postgresql() -> None:
    form = postgresql_form(TWO, ["erased", "keys"])
    assert form.sql == (
        "SELECT m.name FROM unnest($2::text::int8[], ARRAY(SELECT json_array_elements_text($3::text::json)) "
        'COLLATE "C") AS wanted (bucket, member_id)\n'
        "CROSS JOIN LATERAL (SELECT * FROM members AS m WHERE m.bucket = wanted.bucket AND m.erased = $1 "
        "OFFSET 0) AS m;"
    )
    assert (form.parameters, form.rows) == (("erased", "keys", "keys"), {"keys": ("int8", "text")})
    rows = sqlite3.connect(":memory:").execute(
        sqlite_form("SELECT * FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted"),
        {"keys": '[[3, "M1"], [4, "M2"]]'},
    )
    assert rows.fetchall() == [(3, "M1"), (4, "M2")]


def test_a_table_of_one_column_takes_plain_values() -> None:
    one = "SELECT day FROM ROWS(:days, day INTEGER) AS wanted WHERE day > :after"
    rows = sqlite3.connect(":memory:").execute(sqlite_form(one), {"days": "[1, 2, 3]", "after": 1})
    assert rows.fetchall() == [(2,), (3,)]
    assert postgresql_form(one, ["days", "after"]).sql == (
        "SELECT day FROM unnest($1::text::int8[]) AS wanted (day) WHERE day > $2"
    )


def test_both_databases_have_every_statement() -> None:
    assert postgresql_statements().keys() == STATEMENTS.keys()


def test_no_statement_has_a_word_that_one_database_alone_knows() -> None:
    forms = postgresql_statements()
    texts = {name: form.sql.replace("json_array_elements_text", "") for name, form in forms.items()}
    assert {name: found for name, text in texts.items() if (found := FOREIGN.findall(text))} == {}
    assert [name for name, sql in STATEMENTS.items() if "ROWS(" in sql + forms[name].sql] == []


def test_every_parameter_of_a_statement_is_used() -> None:
    for name, form in postgresql_statements().items():
        used = {form.parameters[int(number) - 1] for number in re.findall(r"\$(\d+)", form.sql)}
        assert used == set(form.parameters), name
