"""The till's figures: in Prometheus' form, true, and about nobody."""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import WRITER
from edge_agent.sync import keys
from edge_agent.version import VERSION
from tests.edge.counter import Counter
from tests.edge.made import CARD, HeldClock, config_of, enrol_till, folder_of, purchase, quiet_sync, until
from tests.figures_manual import differs
from tests.prometheus import Read, parsed


async def figures(counter: Counter) -> dict[str, Read]:
    response = await counter.client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(await response.text())


async def test_the_figures_are_in_form_and_true(counter: Counter) -> None:
    await counter.know(CARD)
    await counter.ok("/v1/receipts", purchase())
    await counter.ok("/v1/receipts", purchase())
    await counter.post("/v1/receipts", purchase("2", net_minor=-1))
    await counter.client.get("/nowhere", headers=counter.headers)
    read = await figures(counter)
    for name, value in {
        "journal_records_total": 2,
        "queue_records": 2,
        "quarantine_inputs": 1,
        "members": 1,
        "redemptions_open": 0,
        "hq_up": 0,
        "hq_last_answer_timestamp_seconds": 0,
        "programme_version": 7,
        "clock_believed": 1,
        "clock_steps_total": 0,
        "writer_failures_total": 0,
    }.items():
        assert read[f"dangol_edge_{name}"].of() == value, name
    taken = read["dangol_edge_receipts_total"]
    assert [
        taken.of(source="http", kind="purchase_recorded", outcome=how) for how in ("recorded", "repeated")
    ] == [
        1,
        1,
    ]
    answers = read["dangol_edge_answer_seconds"]
    counts = [("/v1/receipts", "200", 2), ("/v1/receipts", "422", 1), ("none", "404", 1)]
    for route, status, count in counts:
        assert answers.part("_count", route=route, status=status) == count
    refusals = read["dangol_edge_http_refusals_total"]
    assert (refusals.of(code="amount_impossible"), refusals.of(code="path_unknown")) == (1, 1)
    (build,) = read["dangol_edge_build_info"].figures
    assert dict(build[1])["version"] == VERSION
    for name in (
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "dangol_edge_disk_free_bytes",
    ):
        assert read[name].of() > 0
    assert read["dangol_edge_wal_bytes"].of() > 0


async def test_what_waits_is_told_with_the_age_of_the_oldest(counter: Counter) -> None:
    assert (await figures(counter))["dangol_edge_queue_oldest_age_seconds"].of() == 0
    counter.clock.go_on(5000)
    await counter.ok("/v1/receipts", purchase())
    read = await figures(counter)
    assert read["dangol_edge_queue_oldest_age_seconds"].of() == 5, "the boot of the agent waits longest"


async def test_commits_that_jobs_share_are_counted(counter: Counter) -> None:
    before = await figures(counter)
    await counter.ok("/v1/receipts", purchase())
    after = await figures(counter)
    for name in ("dangol_edge_writer_jobs_total", "dangol_edge_writer_commits_total"):
        assert after[name].of() - before[name].of() >= 1
    writer = counter.client.app[WRITER]
    assert writer.failures == 0


async def test_a_watched_folder_has_figures_of_its_own_and_the_manual_names_them_all(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    config = config_of(tmp_path, sync=quiet_sync(), folder=folder_of(folder, settle_ms=1))
    enrol_till(config)
    (folder / "a.jsonl").write_text(
        json.dumps(purchase("1")) + "\n" + json.dumps(purchase("2", net_minor=-1)) + "\n"
    )
    clock = HeldClock()
    async with TestClient(TestServer(build_app(config, clock))) as client:
        counter = Counter(client, keys.token(config.data_dir), clock)

        async def is_taken() -> bool:
            clock.go_on(10)
            return (await figures(counter))["dangol_edge_folder_files_total"].of() == 1

        await until(is_taken)
        read = await figures(counter)
    taken = read["dangol_edge_receipts_total"]
    assert taken.of(source="jsonl", kind="purchase_recorded", outcome="recorded") == 1
    assert read["dangol_edge_folder_refusals_total"].of(code="amount_impossible") == 1
    assert read["dangol_edge_folder_failures_total"].of() == 0
    assert differs(read, "edge") == []
