"""Laws of the house, read off the source: which way imports point, where SQL and status codes may stand.

Each law is a function from source text to complaints. It is put to the four packages and, beside that, to
examples that break it, since a check that cannot fail is a defect.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.house_sources import Source, example, read, sql_strings

PACKAGES = ("loyalty_core", "loyalty_shell", "edge_agent", "hq_server")

# Libraries that loyalty_core may import beside the standard library; phonenumbers has a law of its own.
CORE_LIBRARIES = {"loyalty_core", "msgpack", "msgspec", "cryptography"}

# Parts of the standard library that would let the outside into loyalty_core, by what they let in.
CORE_MAY_NOT_IMPORT = {
    "it reads the clock": "time timeit sched",
    "it reads or writes the disk": "os io pathlib shutil tempfile glob fileinput mmap fcntl sqlite3 dbm"
    " shelve zipfile tarfile gzip bz2 lzma importlib pkgutil",
    "it talks to a network": "socket socketserver ssl select selectors http urllib ftplib smtplib xmlrpc",
    "it brings in chance": "random secrets uuid",
    "it sees or moves the process around it": "sys platform locale getpass signal atexit ctypes subprocess",
    "it orders work as no other run would": "asyncio threading multiprocessing concurrent queue",
    "it speaks to somebody, and core returns what is to be said": "logging warnings",
    "it runs what it reads": "pickle marshal code codeop",
}
# The same, for what needs no import. `hash` and `id` differ from one process to the next.
CORE_MAY_NOT_CALL = {"open", "input", "print", "eval", "exec", "compile", "__import__", "hash", "id"}
CORE_MAY_NOT_CALL_METHOD = {"now", "utcnow", "today", "generate"}

STATUS_NAMES = {"status", "status_code"}
STATUS_PLAIN = {200, 201}
# aiohttp's HTTPNotFound and the like, and the standard library's HTTPStatus.
STATUS_CLASS = re.compile(r"HTTP[A-Z][a-z]")

# In small letters, so that this file keeps its own law.
MARKS = ("todo", "fixme", "xxx", "hack")
POSTPONED = re.compile(rf"\b({'|'.join(MARKS).upper()})\b")
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}

Law = Callable[[Source], list[str]]


# What may be imported


@dataclass(frozen=True, slots=True)
class Import:
    node: ast.AST
    module: str
    inside_function: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports(source: Source) -> Iterator[Import]:
    """Yield every import of a file, the relative ones spelled out."""

    def visit(node: ast.AST, inside_function: bool) -> Iterator[Import]:
        inside_function |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node, alias.name, inside_function)
        elif isinstance(node, ast.ImportFrom):
            above = source.path.parts[: -node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield Import(node, module, inside_function)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside_function)

    return visit(source.tree, False)


def core_is_pure(source: Source) -> list[str]:
    """Complain of what would make loyalty_core depend on more than its arguments."""
    complaints = []
    for found in imports(source):
        reasons = [why for why, modules in CORE_MAY_NOT_IMPORT.items() if found.top in modules.split()]
        if reasons:
            reason = reasons[0]
        elif found.top == "phonenumbers":
            if source.path.name == "lookups.py" and found.inside_function:
                continue
            reason = "it is large: only lookups.py, and only inside the function that needs it"
        elif found.top in sys.stdlib_module_names or found.top in CORE_LIBRARIES:
            continue
        else:
            reason = "loyalty_core stands below everything else"
        complaints.append(source.at(found.node, f"imports {found.module}: {reason}"))
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CORE_MAY_NOT_CALL:
                complaints.append(source.at(node, f"calls {name}: core is given values and returns values"))
            case ast.Call(func=ast.Name(id="ZoneInfo")) if source.path.name != "calendar.py":
                complaints.append(source.at(node, "makes a zone: only calendar.py looks one up"))
            case ast.Call(func=ast.Attribute(attr=name)) if name in CORE_MAY_NOT_CALL_METHOD:
                complaints.append(source.at(node, f"calls .{name}(): time and chance are arguments"))
    return complaints


def programs_do_not_meet(source: Source) -> list[str]:
    """Complain when the till imports headquarters, or the other way round, or either imports tests."""
    own = source.path.parts[0]
    strangers = {"edge_agent", "hq_server", "demo", "bench", "tests"} - {own}
    return [
        source.at(found.node, f"{own} imports {found.module}: they meet only on the wire")
        for found in imports(source)
        if found.top in strangers
    ]


# What may be written


def core_has_no_floats(source: Source) -> list[str]:
    """Complain of what makes a float: a literal, the call, a true division (Fraction(a, b) is exact)."""
    complaints = []
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=float() | complex()):
                complaints.append(source.at(node, "a float literal"))
            case ast.Call(func=ast.Name(id="float")):
                complaints.append(source.at(node, "float()"))
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                complaints.append(source.at(node, "true division: use // or Fraction(a, b)"))
    return complaints


def sql_stays_in_store(source: Source) -> list[str]:
    """Complain of a statement in a file that is not under a `store/`."""
    if "store" in source.path.parts[:-1]:
        return []
    if source.path.suffix == ".sql":
        return [f"{source.path}: an SQL file outside store/"]
    return [
        source.at(node, f"SQL outside store/: {text.split()[0]} ...") for node, text in sql_strings(source)
    ]


def statuses_stay_in_web_errors(source: Source) -> list[str]:
    """Complain of HTTP statuses outside web_errors.py, sent or compared with; 200 and 201 are free."""
    if source.path.name == "web_errors.py":
        return []
    complaints = []
    for node in ast.walk(source.tree):
        constants: list[ast.expr] = []
        match node:
            case ast.keyword(arg=str(name), value=value) if name in STATUS_NAMES:
                constants = [value]
            case ast.Call(func=ast.Attribute(attr="set_status"), args=[value, *_]):
                constants = [value]
            case ast.Compare(left=ast.Attribute(attr=name), comparators=values) if name in STATUS_NAMES:
                constants = [inner for value in values for inner in getattr(value, "elts", [value])]
            case ast.Attribute(attr=name) | ast.alias(name=name) if STATUS_CLASS.match(name):
                complaints.append(source.at(node, name))
        statuses = [each.value for each in constants if isinstance(each, ast.Constant)]
        if any(isinstance(status, int) and status not in STATUS_PLAIN for status in statuses):
            complaints.append(source.at(node, f"the HTTP status {statuses}"))
    return complaints


def nothing_is_postponed(source: Source) -> list[str]:
    """Complain of marks that stand for work not done."""
    return [
        f"{source.path}:{number}: {line.strip()}"
        for number, line in enumerate(source.text.splitlines(), 1)
        if POSTPONED.search(line)
    ]


def modules_are_named_for_one_idea(source: Source) -> list[str]:
    """Complain of a module or folder whose name says nothing about what it holds."""
    names = [*source.path.parts[:-1], source.path.stem]
    return [f"{source.path}: {name} is a name for anything" for name in names if name in EMPTY_NAMES]


def modules_say_what_they_hold(source: Source) -> list[str]:
    """Complain of a module without a docstring."""
    return [] if ast.get_docstring(source.tree) else [f"{source.path}: no docstring"]


# The house as it stands


def put(law: Law, *packages: str, pattern: str = "*.py") -> list[str]:
    return [
        complaint for package in packages for source in read(package, pattern) for complaint in law(source)
    ]


def test_core_depends_on_its_arguments_alone() -> None:
    assert put(core_is_pure, "loyalty_core") == []


def test_till_and_headquarters_meet_only_on_the_wire() -> None:
    assert put(programs_do_not_meet, "edge_agent", "hq_server") == []


def test_core_has_no_floats() -> None:
    assert put(core_has_no_floats, "loyalty_core") == []


def test_sql_stands_only_in_store() -> None:
    assert put(sql_stays_in_store, *PACKAGES) == []
    assert put(sql_stays_in_store, "hq_server", pattern="*.sql") == []


def test_http_statuses_stand_only_in_web_errors() -> None:
    assert put(statuses_stay_in_web_errors, *PACKAGES) == []


def test_nothing_is_postponed() -> None:
    assert put(nothing_is_postponed, *PACKAGES, "tests") == []
    assert put(nothing_is_postponed, "hq_server", pattern="*.sql") == []


def test_modules_are_named_for_one_idea() -> None:
    assert put(modules_are_named_for_one_idea, *PACKAGES, "tests") == []


def test_modules_say_what_they_hold() -> None:
    assert put(modules_say_what_they_hold, *PACKAGES) == []


# Each law can fail


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (core_is_pure, "loyalty_core/a.py", "import time"),
        (core_is_pure, "loyalty_core/a.py", "from os import environ"),
        (core_is_pure, "loyalty_core/a.py", "import os.path"),
        (core_is_pure, "loyalty_core/a.py", "def f():\n    import random"),
        (core_is_pure, "loyalty_core/a.py", "import aiohttp"),
        (core_is_pure, "loyalty_core/a.py", "from edge_agent.store import journal"),
        (core_is_pure, "loyalty_core/a.py", "zone = ZoneInfo('Asia/Seoul')"),
        (core_is_pure, "loyalty_core/lookups.py", "import phonenumbers"),
        (core_is_pure, "loyalty_core/a.py", "def f():\n    import phonenumbers"),
        (core_is_pure, "loyalty_core/a.py", "today = date.today()"),
        (core_is_pure, "loyalty_core/a.py", "open('x')"),
        (core_is_pure, "loyalty_core/a.py", "bucket = hash(member_id) % 64"),
        (core_is_pure, "loyalty_core/a.py", "key = Ed25519PrivateKey.generate()"),
        (programs_do_not_meet, "edge_agent/a.py", "import hq_server.accept"),
        (programs_do_not_meet, "edge_agent/sync/a.py", "if TYPE_CHECKING:\n    from hq_server import accept"),
        (programs_do_not_meet, "edge_agent/a.py", "from demo import receipts"),
        (programs_do_not_meet, "loyalty_shell/a.py", "from edge_agent import app"),
        (core_is_pure, "loyalty_core/a.py", "from loyalty_shell import logs"),
        (programs_do_not_meet, "hq_server/a.py", "def f():\n    from edge_agent import recorder"),
        (core_has_no_floats, "loyalty_core/a.py", "rate = 0.5"),
        (core_has_no_floats, "loyalty_core/a.py", "rate = float('0.5')"),
        (core_has_no_floats, "loyalty_core/a.py", "rate = a / b"),
        (core_has_no_floats, "loyalty_core/a.py", "rate /= 2"),
        (sql_stays_in_store, "edge_agent/a.py", "q = 'SELECT seq FROM journal'"),
        (sql_stays_in_store, "edge_agent/a.py", "q = f'''\n  INSERT OR IGNORE INTO {table} VALUES (?)'''"),
        (sql_stays_in_store, "edge_agent/a.py", "q = 'insert into journal values (1)'"),
        (sql_stays_in_store, "edge_agent/a.py", "db.execute('BEGIN IMMEDIATE')"),
        (sql_stays_in_store, "edge_agent/a.py", "db.execute('PRAGMA journal_mode = WAL')"),
        (sql_stays_in_store, "edge_agent/a.py", "db.execute('SAVEPOINT receipt')"),
        (sql_stays_in_store, "edge_agent/a.py", "q = 'WITH due AS (SELECT 1) SELECT * FROM due'"),
        (sql_stays_in_store, "edge_agent/store.py", "q = 'DELETE FROM journal'"),
        (sql_stays_in_store, "hq_server/api/totals.sql", "SELECT 1"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "web.json_response({}, status=404)"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "raise web.HTTPNotFound()"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "from aiohttp.web import HTTPConflict"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "from http import HTTPStatus"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "response.set_status(503)"),
        (statuses_stay_in_web_errors, "edge_agent/a.py", "if response.status == 409: pass"),
        (statuses_stay_in_web_errors, "edge_agent/a.py", "if response.status in (502, 503): pass"),
        (nothing_is_postponed, "hq_server/a.py", f"# {MARKS[0].upper()}: the rest"),
        (nothing_is_postponed, "hq_server/store/sql/a.sql", f"-- {MARKS[1].upper()}"),
        (modules_are_named_for_one_idea, "edge_agent/utils.py", ""),
        (modules_are_named_for_one_idea, "edge_agent/common/clock.py", ""),
        (modules_say_what_they_hold, "edge_agent/a.py", "import json"),
        (modules_say_what_they_hold, "edge_agent/__init__.py", ""),
    ],
)
def test_a_law_complains_of_what_breaks_it(law: Law, path: str, text: str) -> None:
    assert len(law(example(path, text))) == 1


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (core_is_pure, "loyalty_core/a.py", "import hashlib, msgspec\nfrom loyalty_core.units import Day"),
        (core_is_pure, "loyalty_core/a.py", "from . import units\nfrom .units import Day"),
        (core_is_pure, "loyalty_core/calendar.py", "zone = ZoneInfo('Asia/Seoul')"),
        (core_is_pure, "loyalty_core/a.py", "from zoneinfo import ZoneInfo\ndef f(zone: ZoneInfo): pass"),
        (core_is_pure, "loyalty_core/lookups.py", "def f():\n    import phonenumbers"),
        (programs_do_not_meet, "edge_agent/a.py", "import edge_agent.app\nimport loyalty_core.wire"),
        (programs_do_not_meet, "edge_agent/sync/a.py", "from ..store import journal"),
        (core_has_no_floats, "loyalty_core/a.py", "rate = Fraction(a, b) * (c // d)"),
        (sql_stays_in_store, "edge_agent/store/journal.py", "q = 'SELECT seq FROM journal'"),
        (sql_stays_in_store, "edge_agent/a.py", "'''Select the oldest, delete from the queue.'''"),
        (sql_stays_in_store, "edge_agent/a.py", "app.router.add_route('DELETE', '/v1/holds')"),
        (sql_stays_in_store, "edge_agent/a.py", "say('Update the programme first')"),
        (sql_stays_in_store, "edge_agent/a.py", "say('Begin again')"),
        (statuses_stay_in_web_errors, "hq_server/web_errors.py", "web.json_response({}, status=404)"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "web.json_response({}, status=201)"),
        (statuses_stay_in_web_errors, "hq_server/a.py", "web.json_response({}, status=status_of(error))"),
        (statuses_stay_in_web_errors, "edge_agent/a.py", "if response.status == 200: pass"),
        (statuses_stay_in_web_errors, "edge_agent/a.py", "if period.status == 'closed': pass"),
        (nothing_is_postponed, "hq_server/a.py", "todo_list = []"),
        (modules_are_named_for_one_idea, "edge_agent/commonplace.py", ""),
        (modules_say_what_they_hold, "edge_agent/a.py", "'''The journal.'''"),
    ],
)
def test_a_law_is_silent_on_what_keeps_it(law: Law, path: str, text: str) -> None:
    assert law(example(path, text)) == []


def test_a_law_with_nothing_to_read_fails() -> None:
    with pytest.raises(AssertionError, match="want of anything to read"):
        read("loyalty_core", "*.no-such-suffix")
