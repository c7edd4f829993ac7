"""The audience of the feed: who hears of every member, once somebody has asked for the feed.

Until then nobody pays for it. A bucket at a time, every member is told of to it, and from then on whatever is
told of a member of that bucket.
"""

from __future__ import annotations

from typing import Final

from hq_server.store.connection import Transaction

FEED: Final = "~feed"
"""No store has such an id."""


def unfed(tx: Transaction) -> list[int]:
    """Return the buckets of whose members the feed does not tell yet."""
    return [bucket for (bucket,) in tx.all("accounts.unfed_buckets")]


def feed_bucket(tx: Transaction, bucket: int) -> None:
    """Tell of every member of a bucket, each with a number of its own. Doing it twice changes nothing."""
    for _, number, _, fed, _ in tx.all("accounts.lock_buckets", buckets=f"[{bucket}]"):
        if not fed:
            told = tx.run("accounts.feed_everyone", bucket=bucket, change_no=number)
            tx.run("accounts.bucket_is_fed", bucket=bucket, change_no=number + told)
