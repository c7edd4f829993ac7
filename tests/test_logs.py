"""What both programs log: one form, a closed list of events and fields, no words of others, no floods."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from aiohttp.http_exceptions import BadStatusLine
from aiohttp.web import RequestPayloadError

from loyalty_core.errors import BadInput
from loyalty_shell import logs
from loyalty_shell.connections import connection_log
from tests.house_sources import ROOT, Source, example, read

PHONE = "010-9876-5432"
SAID_BY = {"edge_agent": "till", "hq_server": "HQ", "loyalty_shell": "both"}
FIELDS = {
    "address",
    "after_ms",
    "code",
    "count",
    "epoch",
    "error",
    "noticed",
    "passed",
    "printer",
    "recorded",
    "refused",
    "repeated",
    "sentence",
    "seq",
    "step_ms",
    "task",
    "version",
}
"""What a line may say besides its event: numbers of things, names from closed lists, our own address; and
of a refused command its sentence."""
UNCALLED = {"connection_failed", "library_spoke", "request_not_http"}
"""Events that stand for what libraries say."""
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
LEVELS |= {"critical": "critical"}


@pytest.fixture
def said() -> Iterator[Callable[[], list[dict[str, object]]]]:
    """Return what reads the lines that were said by now, once each."""
    handler, stream = logs.Sparing(), io.StringIO()
    handler.setStream(stream)
    handler.setFormatter(logs.JsonLines())
    root = logging.getLogger()
    level, others = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)

    def lines() -> list[dict[str, object]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield lines
    root.handlers[:] = others
    root.setLevel(level)


def own() -> logging.Logger:
    return logging.getLogger("edge_agent.somewhere")


def record(*, at: float = 1_780_000_000, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": own().name, "msg": "told", "levelname": "INFO", **fields})
    made.created = at
    return made


# The form


def test_a_line_says_when_how_bad_where_and_what(said: Callable[[], list[object]]) -> None:
    own().warning("told", extra={"count": 3, "code": "x" * 1000})
    (line,) = said()
    assert isinstance(line, dict)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", line.pop("time"))
    assert line == {
        "level": "warning",
        "logger": own().name,
        "event": "told",
        "count": 3,
        "code": "x" * logs.TEXT_MAX,
    }


def test_a_line_may_have_fields_of_any_shape(said: Callable[[], list[dict[str, object]]]) -> None:
    for numbers in ([1, 2], [1, 2], [3]):
        own().warning("told", extra={"count": numbers, "code": {"a": numbers}})
    assert [(line["count"], line["code"]) for line in said()] == [([1, 2], {"a": [1, 2]}), ([3], {"a": [3]})]


def test_an_error_is_told_by_its_kind_its_code_and_its_way_but_not_in_its_words(
    said: Callable[[], list[dict[str, object]]],
) -> None:
    def refuse() -> None:
        try:
            int(PHONE)
        except ValueError as error:
            raise BadInput(f"{PHONE} is no number", code="number_wrong") from error

    try:
        refuse()
    except BadInput:
        own().exception("told")
    (line,) = said()
    assert line["error"] == "BadInput number_wrong"
    trace = line["trace"]
    assert isinstance(trace, list)
    ends = [at for at, step in enumerate(trace) if ":" not in step]
    assert [trace[at] for at in ends] == ["ValueError", "BadInput number_wrong"]
    assert all(re.fullmatch(rf"{__name__}:\d+ \w+", step) for at, step in enumerate(trace) if at not in ends)
    assert PHONE not in json.dumps(line)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(2, "gone", f"/in/{PHONE}.csv"), "FileNotFoundError ENOENT"),
        (OSError(PHONE), "OSError"),
        (KeyError(PHONE), "KeyError"),
    ],
)
def test_an_error_of_the_system_is_told_by_its_number(
    said: Callable[[], list[dict[str, object]]], error: Exception, kind: str
) -> None:
    own().error("told", exc_info=error)
    (line,) = said()
    assert (line["error"], line["trace"]) == (kind, [kind])


def test_an_error_of_the_database_is_told_by_its_name(said: Callable[[], list[dict[str, object]]]) -> None:
    with pytest.raises(sqlite3.Error) as failed:
        sqlite3.connect(":memory:").execute(f'"{PHONE}"')
    own().error("told", exc_info=failed.value)
    assert said()[0]["error"] == "OperationalError SQLITE_ERROR"


def test_what_a_library_says_is_told_by_its_place_alone(said: Callable[[], list[dict[str, object]]]) -> None:
    logging.getLogger("asyncio").error("Task failed: %s", PHONE)
    (line,) = said()
    assert (line["event"], line["logger"], line["level"]) == ("library_spoke", "asyncio", "error")
    assert re.fullmatch(r"test_logs:\d+", str(line["place"]))
    assert PHONE not in json.dumps(line)


def test_who_sends_what_is_not_http_is_no_fault_of_ours(said: Callable[[], list[dict[str, object]]]) -> None:
    connections = connection_log()
    connections.error("Error handling request from %s", PHONE, exc_info=BadStatusLine(PHONE))
    connections.error("Error handling request from %s", PHONE, exc_info=RequestPayloadError(PHONE))
    connections.error("Error handling request from %s", PHONE, exc_info=ValueError(PHONE))
    first, broken, second = said()
    assert broken["event"] == first["event"], "it was not packed as it said"
    assert (first["event"], first["level"], "trace" in first) == ("request_not_http", "info", False)
    assert (second["event"], second["level"], second["error"]) == (
        "connection_failed",
        "error",
        "ValueError",
    )
    assert PHONE not in json.dumps([first, second])


def test_journald_is_told_the_level() -> None:
    form = logs.JsonLines(with_priority=True)
    for level, number in (("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)):
        assert form.format(record(levelname=level)).startswith(f"<{number}>{{")


# No floods


def test_the_same_line_again_is_held_back_and_counted(said: Callable[[], list[dict[str, object]]]) -> None:
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, logs.Sparing)]
    for seconds in (0, 1, logs.QUIET_SECONDS - 1, logs.QUIET_SECONDS, logs.QUIET_SECONDS + 1):
        handler.handle(record(at=1_780_000_000 + seconds))
    assert [line.get("held_back") for line in said()] == [None, 2]
    handler.handle(record(at=1_700_000_000))
    assert [line.get("held_back") for line in said()] == [1], "a clock that was set back holds nothing back"


def test_a_line_that_says_something_else_is_not_held_back(
    said: Callable[[], list[dict[str, object]]],
) -> None:
    for code in ("hq_timeout", "up", "hq_timeout"):
        own().info("told", extra={"code": code})
    assert [line["code"] for line in said()] == ["hq_timeout", "up"]


def test_what_is_remembered_of_lines_is_bounded(said: Callable[[], list[dict[str, object]]]) -> None:
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, logs.Sparing)]
    for count in [*range(logs.LINES_MAX + 1), 1, 0]:
        handler.handle(record(count=count))
    assert [line["count"] for line in said()][-2:] == [logs.LINES_MAX, 0], "the first was forgotten"


# What nobody catches

LAST_CATCH = """
import os, sys, threading
from loyalty_shell import logs
if sys.argv[2:]:
    about = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{about.st_dev}:{about.st_ino}"
logs.start_logging()
class Broken:
    def __del__(self): raise ValueError(sys.argv[1])
def fail(): raise ValueError(sys.argv[1])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Broken()
import warnings
warnings.warn(sys.argv[1])
logs.log.info("told %s %s", sys.argv[1])
int(sys.argv[1])
"""


@pytest.mark.parametrize("to_journal", [False, True])
def test_what_nobody_catches_is_logged_in_the_same_form(*, to_journal: bool) -> None:
    words = [sys.executable, "-c", LAST_CATCH, PHONE, *["journal"][: int(to_journal)]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("JOURNAL_STREAM", None)
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1
    assert PHONE not in done.stderr
    prefixes, lines = zip(*[line.partition("{")[::2] for line in done.stderr.splitlines()], strict=True)
    events = [json.loads("{" + line)["event"] for line in lines]
    assert events == ["thread_failed", "clean_up_failed", "library_spoke", "told %s %s", "program_failed"]
    assert list(prefixes) == (["<3>", "<3>", "<4>", "<6>", "<2>"] if to_journal else [""] * 5)


# The closed list


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call of a logger, and its level."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                if name.lower().lstrip("_") in {"log", "logger"} and attr in LEVELS:
                    yield node, LEVELS[attr]


def described(source: Source) -> tuple[dict[str, tuple[str, tuple[str, ...]]], list[str]]:
    """Return the events of a file with their level and fields, and what breaks the law."""
    found, complaints = {}, []
    for node, level in calls(source):
        match node.args:
            case [ast.Constant(value=str(event))] if re.fullmatch(r"[a-z]+(_[a-z]+)*", event):
                pass
            case _:
                complaints.append(source.at(node, "an event is one constant name in snake case"))
                continue
        fields: list[str] = []
        for keyword in node.keywords:
            match keyword:
                case ast.keyword(arg="exc_info"):
                    pass
                case ast.keyword(arg="extra", value=ast.Dict(keys=keys)):
                    fields += [str(key.value) if isinstance(key, ast.Constant) else "?" for key in keys]
                case _:
                    complaints.append(source.at(node, "only extra={...} and exc_info go with an event"))
        if unknown := set(fields) - FIELDS:
            complaints.append(source.at(node, f"{', '.join(sorted(unknown))}: no field that a line may have"))
        found[event] = (level, tuple(sorted(fields)))
    return found, complaints


def test_every_event_is_a_constant_with_fields_of_the_closed_set() -> None:
    sources = [source for package in SAID_BY for source in read(package, "*.py")]
    assert [each for source in sources for each in described(source)[1]] == []


def test_the_manual_lists_every_event_with_its_level_and_fields_and_no_other() -> None:
    manual = (ROOT / "docs/operations.md").read_text("utf-8")
    form = r"^\| `(\w+)` \| (till|HQ|both) \| (\w+) \|([^|]*)\| [^|]+ \|$"
    told = {
        event: (who, level, tuple(sorted(re.findall(r"`(\w+)`", fields))))
        for event, who, level, fields in re.findall(form, manual, re.MULTILINE)
    }
    said: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for package, who in SAID_BY.items():
        for source in read(package, "*.py"):
            for event, (level, fields) in described(source)[0].items():
                said[event] = ("both" if event in said and said[event][0] != who else who, level, fields)
    assert {event: row for event, row in told.items() if event not in UNCALLED} == said
    assert told.keys() - said.keys() == UNCALLED
    form_of_lines = "".join(
        (ROOT / f"loyalty_shell/{name}.py").read_text("utf-8") for name in ("logs", "connections")
    )
    assert all(f'"{name}"' in form_of_lines for name in UNCALLED)


@pytest.mark.parametrize(
    ("line", "complaints"),
    [
        ("log.info('told', extra={'count': 1})", 0),
        ("log.exception('told')", 0),
        ("log.error('told', exc_info=error)", 0),
        ("log.info('told %s', name)", 1),
        ("log.info(f'told {name}')", 1),
        ("log.info('Told them')", 1),
        ("_LOG.warning(what)", 1),
        ("log.info('told', extra={'name': 1})", 1),
        ("log.info('told', extra={what: 1})", 1),
        ("log.info('told', extra=fields)", 1),
    ],
)
def test_a_line_outside_the_law_is_found(line: str, complaints: int) -> None:
    assert len(described(example("x.py", line))[1]) == complaints
