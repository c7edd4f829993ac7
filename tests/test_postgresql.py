"""The tests' own PostgreSQL: one a process, and nothing of it outlives that process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import closing

import asyncpg
import pytest

from tests.debian_parts import part
from tests.house_sources import ROOT
from tests.postgresql import Cluster, Session

MAKES_ONE = """
import sys
from tests.postgresql import cluster
with cluster() as made:
  print((made.folder / "data" / "postmaster.pid").read_text().split()[0], flush=True)
  sys.stdin.read()
"""
LONG_S = 60


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGKILL])
def test_a_cluster_ends_with_the_process_that_made_it(signalled: signal.Signals) -> None:
    part("pg_ctl")
    with subprocess.Popen(
        [sys.executable, "-c", MAKES_ONE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        server = os.pidfd_open(int(process.stdout.readline()))
        process.send_signal(signalled)
    ended, _, _ = select.select([server], [], [], LONG_S)
    os.close(server)
    assert ended, "the server still runs"


def test_a_database_is_a_copy_of_another_and_its_own(postgresql: Cluster) -> None:
    of = postgresql
    first = of.database()
    with closing(Session(of.url(first))) as session:
        session.run("CREATE TABLE t (x BIGINT)", "INSERT INTO t VALUES (1)")
    second = of.database(first)
    with closing(Session(of.url(second))) as copied, closing(Session(of.url(first))) as original:
        copied.run("INSERT INTO t VALUES (2)")
        assert copied.run("SELECT x FROM t ORDER BY x") == [(1,), (2,)]
        assert original.run("SELECT x FROM t") == [(1,)]
        of.drop(first)
        with pytest.raises(asyncpg.PostgresError):
            original.run("SELECT x FROM t")
    of.drop(second)


def test_a_durable_cluster_keeps_through_its_crash_what_it_committed(durable_postgresql: Cluster) -> None:
    of = durable_postgresql
    name = of.database()
    with closing(Session(of.url(name))) as before:
        before.run("CREATE TABLE t (x BIGINT)", "INSERT INTO t VALUES (1)")
        of.restart()
        with pytest.raises(asyncpg.PostgresError):
            before.run("SELECT x FROM t")
    with closing(Session(of.url(name))) as after:
        assert after.run("SELECT x FROM t") == [(1,)]
    of.drop(name)
