"""What a till hands to support: what helps, and nothing of anybody."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.config import EdgeConfig
from edge_agent.diagnostics import diagnostics
from edge_agent.settings_told import MEANINGS, settings_told
from edge_agent.store import link_spans, terminal
from edge_agent.store.database import transaction
from edge_agent.sync import keys
from tests.edge.commands.desk import Desk
from tests.edge.made import CARD, HeldClock, purchase
from tests.edge.till import Till

PLANTED = ("Hong Gildong", "01012345678", "private_refusal_text")


def _read(data: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["diagnostics.json", "metrics.txt"]
        return json.loads(archive.read("diagnostics.json")), archive.read("metrics.txt").decode()


def test_it_tells_figures_and_codes_and_nothing_of_anybody(till: Till) -> None:
    key, token = keys.make_private_key(till.config.data_dir), keys.make_token(till.config.data_dir)
    till.record(purchase("1", member=CARD))
    store_key = terminal.read(till.conn).store_key
    with transaction(till.conn):
        till.conn.execute(
            "INSERT INTO quarantine (adapter, source, place, code, sentence, raw, raw_sha256, at_ms)"
            " VALUES ('http', ?, '1', 'json_invalid', ?, ?, x'00', 7)",
            (PLANTED[0], PLANTED[2], PLANTED[1].encode()),
        )
        till.conn.execute("UPDATE link SET error_code = ?, error = ?", (PLANTED[0], PLANTED[2]))
    data = diagnostics(till.config, HeldClock())
    told, figures = _read(data)
    assert told["unread"] == {}
    assert (told["status"]["terminal"], told["integrity"]) == ("S012-T03", {"ok": True})
    assert told["status"]["link_error_code"] == "other"
    assert told["tables"]["quarantine"] == 1
    (refusal,) = told["refusals"]
    assert refusal == {"code": "json_invalid", "state": "open", "inputs": 1, "times": 1, "last_ms": 7}
    assert sum(sum(kinds.values()) for kinds in told["events"].values()) == told["status"]["head"]
    assert "dangol_edge_queue_records" in figures
    text = json.dumps(told, ensure_ascii=False) + figures
    (look_up,) = till.conn.execute("SELECT account FROM source WHERE account LIKE 'h:%'").fetchone()
    secrets = (key.hex(), token.read_text().strip(), store_key.hex(), CARD, look_up, look_up[2:])
    for secret in (*PLANTED, *secrets):
        assert secret not in text
        assert secret.encode() not in data


def test_it_tells_how_the_link_was_by_codes_alone(till: Till) -> None:
    clock = HeldClock()
    now_ms = clock.wall_ms()
    spans = [(now_ms - 900, "started"), (now_ms - 800, "ok"), (now_ms - 500, PLANTED[0])]
    with transaction(till.conn):
        for from_ms, code in [*spans, (now_ms - 100, "hq_timeout")]:
            link_spans.note(till.conn, from_ms, code)
    told, _ = _read(diagnostics(till.config, clock))
    stretches = [(now_ms - one["to_ms"], one["state"], one["code"]) for one in told["link"]]
    assert stretches[-3:] == [(500, "up", ""), (100, "down", "other"), (0, "down", "hq_timeout")]
    with transaction(till.conn):
        till.conn.execute("DROP TABLE link_span")
        till.conn.execute("CREATE TABLE link_span (from_ms, to_ms, code)")
        till.conn.execute("INSERT INTO link_span VALUES ('a', x'00', 7)")
    told, _ = _read(diagnostics(till.config, clock))
    assert told["unread"] == {"link": "TypeError"}


def test_a_damaged_till_tells_what_it_can(till: Till) -> None:
    till.record(purchase("1"))
    till.conn.execute("DROP TRIGGER journal_is_never_changed")
    till.conn.execute("UPDATE journal SET record = x'00' WHERE seq = 1")
    till.conn.execute("DROP TABLE member")
    told, _ = _read(diagnostics(till.config, HeldClock()))
    assert told["unread"].keys() == {"status", "metrics"}
    assert (told["integrity"]["code"], told["integrity"]["seq"]) == ("chain_broken", 1)
    assert told["events"]["unreadable"] == {"unreadable": 1}


def test_a_till_that_has_not_joined_tells_of_its_machine(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    file = tmp_path / "support.zip"
    desk.config.data_dir.mkdir()
    assert str(file) in desk.ok("diagnostics", str(file))
    told, _ = _read(file.read_bytes())
    assert (told["unread"], "python" in told["machine"]) == ({"database": "store_missing"}, True)
    desk.open().close()
    desk.ok("diagnostics", str(file))
    told, _ = _read(file.read_bytes())
    assert told["unread"]["status"] == "not_enrolled"
    assert told["tables"]["journal"] == 0


def test_what_is_no_database_is_told_by_its_code(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.config.data_dir.mkdir()
    desk.config.database.write_bytes(b"Hong Gildong, 01012345678" * 100)
    data = diagnostics(desk.config, HeldClock())
    told, _ = _read(data)
    assert "store_damaged" in told["unread"].values()
    assert "Gildong" not in json.dumps(told)


def test_each_setting_has_a_meaning(tmp_path: Path) -> None:
    def names(kind: Any, prefix: str = "") -> set[str]:
        found = set()
        for field in msgspec.structs.fields(kind):
            inner = [one for one in getattr(field.type, "__args__", (field.type,)) if _is_section(one)]
            found |= names(inner[0], f"{prefix}{field.name}.") if inner else {prefix + field.name}
        return found

    assert names(EdgeConfig) == set(MEANINGS)
    printer = (
        '[[printer]]\nname = "front"\nlisten = "tcp://127.0.0.1:9100"\nprinter = "file:///dev/usb/lp0"\n'
    )
    desk = Desk(tmp_path, f'[folder]\npath = "in"\nrescan_ms = 100\n{printer}')
    told = {one.name: one for one in settings_told(desk.config)}
    assert told.keys() == set(MEANINGS)
    assert (told["folder.rescan_ms"].value, told["folder.rescan_ms"].is_default) == ("100", False)
    assert told["folder.settle_ms"].is_default
    assert not told["folder.path"].is_default
    assert (told["printer.printer"].value, told["printer.silence_ms"].value) == (
        "file:///dev/usb/lp0",
        "2000",
    )
    assert [told[f"printer.{name}"].is_default for name in ("name", "silence_ms")] == [False, True]
    for section in ("folder.", "printer."):
        (bare,) = [one for one in settings_told(EdgeConfig()) if one.name.startswith(section)]
        assert (bare.value, bare.is_default) == ("", True)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@pytest.mark.parametrize("name", ["no/such/folder.zip"])
def test_where_nothing_can_be_written_is_one_sentence(desk: Desk, name: str) -> None:
    assert "error (" in desk.refused("diagnostics", str(desk.folder / name))
