"""`python -m demo`: play it, show the result, serve until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from demo.play import BASKETS, Options, play
from demo.processes import DemoFailed

FAILED, STOPPED = 1, 130


def main() -> int:
    """Return 0 when everything agreed, 1 when not, 130 when stopped before that was known."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="dangol-demo-") as folder:
        try:
            agreed = asyncio.run(_until_told(options, Path(folder)))
        except asyncio.CancelledError:
            return STOPPED
        except (DemoFailed, ExceptionGroup) as failed:
            for sentence in dict.fromkeys(_sentences(failed)):
                print(f"demo: {sentence}", file=sys.stderr)
            return FAILED
    return 0 if agreed else FAILED


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="make demo", description="Headquarters and three tills on real receipts, two of them cut off."
    )
    parser.add_argument("--exit", action="store_true", help="stop when the result stands; 0 if all agrees")
    parser.add_argument("--baskets", type=int, default=BASKETS, help="how many to play (%(default)s)")
    parser.add_argument("--kill", action="store_true", help="kill -9 whatever process, again and again")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of --kill (%(default)s)")
    given = parser.parse_args()
    if given.baskets < 100:
        parser.error("--baskets must be 100 or more, for all three stores to have some")
    return Options(exit_at_once=given.exit, baskets=given.baskets, kill=given.kill, seed=given.seed)


async def _until_told(options: Options, folder: Path) -> bool:
    """Play until it ends or somebody stops it; what was started is stopped either way."""
    story = asyncio.create_task(play(options, folder), name="story")
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(kind, story.cancel)
    return await story


def _sentences(failed: Exception) -> Iterator[str]:
    """Yield why; what is no DemoFailed is a fault of the demo itself and is raised."""
    if isinstance(failed, ExceptionGroup):
        for error in failed.exceptions:
            yield from _sentences(error)
    elif isinstance(failed, DemoFailed):
        yield str(failed)
    else:
        raise failed


if __name__ == "__main__":
    sys.exit(main())
