"""One terminal on two machines: a till that has sold, and what headquarters holds and says of it."""

from __future__ import annotations

from hq_server.audit import audit
from hq_server.reconcile import Wanted, open_exceptions
from loyalty_core.messages import Reply, Stamp
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"


def audited(hq: Hq) -> int:
    """Return how many events the audit went over, all as they should be."""
    with hq.reading() as tx:
        return audit(tx, hq.public_key, lambda part, count: None).events


def everything(hq: Hq) -> dict[str, list[tuple[object, ...]]]:
    """Return all that stands in the database, but for how far chores have come in each bucket."""
    columns = {"buckets": "bucket, change_no"}
    return {
        name: sorted(hq.sql(f"SELECT {columns.get(name, '*')} FROM {name}"), key=repr)  # noqa: S608
        for name in hq.tables()
    }


def journals(hq: Hq) -> list[tuple[object, ...]]:
    """Return every journal: epoch, branch, its last record, and what it follows."""
    return hq.sql(
        "SELECT epoch, branch, seq, parent_epoch, parent_branch, parent_seq FROM heads JOIN journals"
        " USING (store_id, terminal_id, epoch, branch) ORDER BY terminal_id, epoch, branch"
    )


def codes(reply: Reply) -> list[str]:
    return [one.code for one in reply.refusals]


def detail(hq: Hq, kind: str) -> str:
    """Return what the one exception of a kind says."""
    with hq.reading() as tx:
        (found,) = open_exceptions(tx, hq.clock(), Wanted(kind=kind))
    return found.detail


def stamp(till: Till) -> Stamp | None:
    return till.members["M1"].stamp


async def selling(tills: Tills, count: int) -> Till:
    """Return a till that has sold so often, twelve points each, all of which is at headquarters."""
    tills.hq.members(MEMBERS)
    till = await tills.join()
    for number in range(1, count + 1):
        till.record(purchase(str(number)))
    await tills.send(till)
    return till
