"""Headquarters' figures: in Prometheus' form, true, about nobody, and for nobody without a token."""

from __future__ import annotations

import os
import re

import pytest

from hq_server.tokens import add_token
from hq_server.version import VERSION
from tests.figures_manual import MANUAL, differs, named
from tests.hq.conftest import Client, Hq, Tills
from tests.hq.events import purchase
from tests.prometheus import Read, parsed

HOUR_MS = 3_600_000


def watcher(hq: Hq) -> str:
    """Return a token that is for metrics only."""
    with hq.writing() as tx:
        return add_token(tx, "prometheus", os.urandom(32), hq.clock(), scopes=["metrics"])


async def figures(client: Client, token: str) -> dict[str, Read]:
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.headers["Content-Type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    return parsed(await answer.text())


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer dgl_wrong"}])
async def test_the_figures_are_not_open_to_the_world(client: Client, header: dict[str, str]) -> None:
    assert (await client.get("/metrics", headers=header)).status == 401


async def test_a_token_for_metrics_opens_nothing_else(hq: Hq, client: Client) -> None:
    token = watcher(hq)
    await figures(client, token)
    answer = await client.get("/api/v1/terminals", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 403
    hq.sql("UPDATE tokens SET revoked_at_ms = 1")
    assert (await client.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status == 401


async def test_a_token_for_all_opens_the_figures_too(hq: Hq, client: Client) -> None:
    (build,) = (await figures(client, hq.token))["dangol_hq_build_info"].figures
    assert dict(build[1])["version"] == VERSION


async def test_what_tills_bring_is_counted(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member="card:4444333322221111"))
    till.record(purchase("2", member=None))
    await tills.send(till)
    await tills.send(till)
    read = await figures(tills.client, hq.token)
    while read["dangol_hq_writer_queue_jobs"].of():  # Chores write, too.
        read = await figures(tills.client, hq.token)
    for name, value in {
        "exchanges_total": 2,
        "batches_total": 1,
        "events_total": 2,
        "records_total": 2,
        "receipts_held": 1,
        "exchanges_in_flight": 0,
        "bodies_bytes": 0,
        "writer_queue_jobs": 0,
        "database_sound": 1,
        "derivations_waiting": 0,
    }.items():
        assert read[f"dangol_hq_{name}"].of() == value, name
    assert read["dangol_hq_write_seconds"].part("_count") >= 3
    requests = read["dangol_hq_request_seconds"]
    assert requests.part("_count", route="/v1/exchange", status="200") == 2
    of_files = () if hq.url else ("dangol_hq_database_bytes", "dangol_hq_disk_free_bytes")
    for name in (*of_files, "process_resident_memory_bytes"):
        assert read[name].of() > 0


async def test_what_is_refused_is_counted_by_its_code(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1"))
    till.record(purchase("2"))
    await tills.send(till, till.batch(2))
    await tills.refused("/v1/exchange", b"nonsense")
    read = await figures(tills.client, hq.token)
    assert read["dangol_hq_batches_refused_total"].of(code="gap") == 1
    assert read["dangol_hq_http_refusals_total"].of(code="wire_malformed") == 1


async def test_the_fleet_is_counted_by_state_and_by_silence(hq: Hq, tills: Tills) -> None:
    loud = await tills.join()
    await tills.join()
    lost = await tills.join(preapproved=False)
    hq.set_state(lost.terminal_id, "revoked", "lost")
    hq.clock.now += HOUR_MS + 1
    await tills.send(loud)
    read = await figures(tills.client, hq.token)
    states = read["dangol_hq_tills"]
    assert [states.of(state=state) for state in ("pending", "approved", "revoked")] == [0, 2, 1]
    assert read["dangol_hq_tills_silent"].of() == 1
    assert read["dangol_hq_tills_silent_longest_seconds"].of() == pytest.approx(3600.001)
    assert read["dangol_hq_tills_without_closed_day"].of() == 2


@pytest.mark.sqlite("figures of its files")
async def test_what_does_not_fit_is_counted_by_kind_and_owner(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member="card:4444333322221111"))
    await tills.send(till)
    opened_kinds = {kind for kind, _ in hq.exceptions()}
    hq.clock.now += 5000
    read = await figures(tills.client, hq.token)
    listed = read["dangol_hq_exceptions_open"].figures
    assert {dict(labels)["kind"] for _, labels in listed} == opened_kinds
    assert sum(listed.values()) == len(hq.exceptions()) == read["dangol_hq_exceptions_unexplained"].of()
    assert read["dangol_hq_exceptions_oldest_age_seconds"].of() == 5
    assert differs(read, "hq") == [], "the manual names every figure with its labels"


ALERT = re.compile(r"^ +- \{alert: (\w+), expr: '([^']+)'(?:, for: \d+[mh])?\}$")


def alerts() -> dict[str, str]:
    """Return the alerts of the manual with what each watches; fails where a line of them is not YAML."""
    lines = [line for line in MANUAL.splitlines() if "{alert:" in line]
    found = [ALERT.fullmatch(line) for line in lines]
    assert None not in found, "an expression is quoted, or its braces and commas would be YAML's"
    return {one[1]: one[2] for one in found if one}


def test_alerts_ask_for_figures_that_there_are_and_each_says_what_to_do() -> None:
    known = named("edge").keys() | named("hq").keys()
    for alert, expression in alerts().items():
        for name in re.findall(r"dangol_\w+", expression):
            assert name in known or name.removesuffix("_bucket") in known, (alert, name)
    told = re.findall(r"^\| `([A-Z]\w+)` \| [^|]+ \| [^|]+ \|$", MANUAL, re.MULTILINE)
    assert told == list(alerts())


async def test_what_alerts_see_rise_is_there_before_it_has_risen(hq: Hq, client: Client) -> None:
    read = await figures(client, hq.token)
    risen = r'increase\((dangol_hq_\w+)\{(\w+)="(\w+)"\}'
    watched = [found for one in alerts().values() for found in re.findall(risen, one)]
    assert len(watched) == sum("increase(" in one for one in alerts().values()) > 0
    assert [read[name].of(**{label: value}) for name, label, value in watched] == [0] * len(watched)


def test_an_alert_that_compares_figures_takes_no_notice_of_labels_that_one_of_them_lacks() -> None:
    labels = named("hq")
    for alert, expression in alerts().items():
        compared = [labels[name] for name in re.findall(r"dangol_hq_\w+", expression) if name in labels]
        differing = set[str]().union(*compared) - set[str].intersection(*compared) if compared else set()
        assert not differing or f"ignoring({', '.join(sorted(differing))})" in expression, alert
