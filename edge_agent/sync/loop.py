"""When to talk with HQ: soon after a sale, at once with a question, else every interval; back-off on failure.

Recording knows nothing of this. The loop reads beside the writer, and installs replies as a patient job.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.clock import Clock as MachineClock
from edge_agent.config import EdgeConfig
from edge_agent.store import link_spans, member_rows, outbox, quarantine, terminal
from edge_agent.store.database import Connection, StoreError
from edge_agent.store.terminal import Terminal
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync import exchange, keys, rotate
from edge_agent.sync.backoff import delay_ms
from edge_agent.sync.codes import known
from edge_agent.sync.exchange import PATH_EXCHANGE, LinkError
from edge_agent.sync.install import Installed, install, open_reply
from edge_agent.sync.load import Load, batches_next, load_from, with_next
from edge_agent.sync.questions import REFUSALS, Questions, Told, refused_all, settle, told_by
from edge_agent.version import VERSION
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import Ask, Clock, Health, Reply
from loyalty_shell.data_dir import free_bytes
from loyalty_shell.exposition import Counter

if TYPE_CHECKING:
    import aiohttp

PENDING_RETRY_MS_MAX: Final = 10_000
FIRST_BATCHES: Final = 4
"""Carried by the first exchange, before it is known how soon HQ answers."""
STEPS_AT_ONCE: Final = 40
"""Steps without a pause towards what HQ wants, each at least twice as far back: enough for any journal."""
KEY_ENDED: Final = frozenset({"key_retired", "terminal_unknown"})
"""How a HQ refuses that knows another key of this till's: the one after, or, restored, the one before."""
TELL_MS: Final = 10_000
"""A link that comes and goes is told of once in so long."""

log = logging.getLogger(__name__)


class SyncLoop:
    """Keeps the till and HQ in step. `nudge` after a sale; `run` ends when cancelled."""

    def __init__(
        self,
        config: EdgeConfig,
        clock: MachineClock,
        writer: Writer,
        reader: Reader,
        session: aiohttp.ClientSession,
    ) -> None:
        self._config = config
        self._clock = clock
        self._writer = writer
        self._reader = reader
        self._session = session
        self._key = b""
        self._nudged = asyncio.Event()
        self._tried: list[asyncio.Future[LinkError | None]] = []
        self._questions = Questions()
        self._away_until_ms = 0
        self._failures = 0
        self.exchanges = Counter(
            "dangol_edge_exchanges_total", "Exchanges with HQ, by how they ended.", "outcome"
        )
        self._told, self._told_at_ms = "", clock.monotonic_ms()
        self._batches = min(FIRST_BATCHES, config.sync.batches)
        self._ready: Load | None = None
        self._followed = False
        self._damaged: tuple[int, int] | None = None

    def nudge(self) -> None:
        """Say that there is something new to send."""
        self._nudged.set()

    async def try_now(self) -> LinkError | None:
        """Make an exchange at once, whatever the back-off says; return how it failed, None where it did not.

        An HQ that has sent this till away for a time is not asked before.
        """
        away_ms = self._away_until_ms - self._clock.monotonic_ms()
        if away_ms > 0:
            seconds = -(-away_ms // 1000)
            return LinkError(f"HQ asks this till to wait {seconds} s more", code="hq_away")
        tried: asyncio.Future[LinkError | None] = asyncio.get_running_loop().create_future()
        self._tried.append(tried)
        self.nudge()
        self._questions.new.set()
        return await tried

    async def run(self) -> None:
        """Talk with HQ until cancelled. Whatever HQ does, this goes on."""
        with suppress(LoyaltyError):  # a disk that takes nothing is told of where it matters
            await self._writer.do(lambda conn: link_spans.begin(conn, self._clock.wall_ms()), urgent=False)
        await self._key_followed(keys.has_next(self._config.data_dir))
        while True:
            await self._pause(await self._turn())

    async def ask(self, ask: Ask) -> Told | None:
        """Return HQ's answer, None where it does not come within `redemptions.ask_ms`. Waits for no back-off.

        An HQ that has sent this till away for a time is not asked before.
        """
        if self._clock.monotonic_ms() < self._away_until_ms:
            return None
        self.nudge()
        return await self._questions.put(ask, self._config.redemptions.ask_ms)

    async def once(self) -> Installed:
        """Make one exchange with all that waits, install the reply, and answer who asked.

        Raises:
            LinkError: what went wrong, in one sentence with a code.
        """
        nonce = secrets.token_bytes(16)
        questions, told = self._questions.take(), dict[str, Told]()
        asked_ms = self._clock.monotonic_ms()
        try:
            identity, body, load = await self._reader.do(
                lambda conn: self._request(conn, nonce, tuple([one.ask for one in questions]))
            )
            self._damaged = load.damaged
            posted = self._post(identity, body, load)
            data, self._ready = await asyncio.gather(posted, self._made_ready(identity, load))
            reply = await asyncio.to_thread(open_reply, data, identity, nonce)
            self._reply = reply
            installed = await self._install(reply)
            refused = installed.untrusted
            told = told_by(reply, asked_ms) if refused is None else refused_all(questions, refused)
        except LinkError as error:
            if error.code in REFUSALS:
                told = refused_all(questions, error.code)
            raise
        finally:
            settle(questions, told)
        return installed

    async def _install(self, reply: Reply) -> Installed:
        """Install a reply; what of members is so damaged that it cannot be is mended by the next one."""
        try:
            clock = self._clocks()
            return await self._writer.do(lambda conn: install(conn, reply, clock=clock), urgent=False)
        except StoreError as error:
            if error.code == "store_damaged":
                await self._writer.do(member_rows.note, urgent=False)
            raise

    async def _post(self, identity: Terminal, body: bytes, load: Load) -> bytes:
        """Return HQ's answer; how soon it comes says how much goes the next time."""
        began_ms, full = self._clock.monotonic_ms(), False
        try:
            data = await exchange.post(self._session, identity.hq_url + PATH_EXCHANGE, body)
            full = len(load.batches) == self._batches
        finally:
            took_ms = self._clock.monotonic_ms() - began_ms
            self._batches = batches_next(self._batches, self._config.sync.batches, took_ms=took_ms, full=full)
        return data

    async def _made_ready(self, identity: Terminal, sent: Load) -> Load | None:
        """Return the load after the one that is under way, None where that one takes all that waits."""
        sync, batches = self._config.sync, self._batches
        if len(sent.batches) < batches:
            return None
        ready = load_from(sent.ends)
        for _ in range(batches):
            job = partial(
                with_next, identity=identity, settings=sync, load=ready, key=self._key, clock=self._clocks
            )
            ready = await self._reader.do(job)
        return ready

    async def _pause(self, wait_ms: int) -> None:
        """Return when the next exchange is due: a sale brings it on, unless HQ failed; a question always."""
        if wait_ms:
            self._ready = None
        if wait_ms and not self._failures and not self._questions.new.is_set():
            wait_ms = self._config.sync.after_sale_ms if await _within(wait_ms, self._nudged) else 0
        await _within(wait_ms, self._questions.new)

    async def _turn(self) -> int:
        """Make one exchange; return how many ms to wait for the next."""
        self._nudged.clear()
        sync = self._config.sync
        tried_at_ms = self._clock.wall_ms()
        try:
            installed = await self.once()
        except LinkError as error:
            if await self._key_followed(error.code in KEY_ENDED and not self._followed):
                return 0
            self._failures += 1
            max_ms = sync.retry_max_ms
            if error.code == "terminal_pending":
                # Somebody stands at the till and waits for HQ to approve it.
                max_ms = min(max_ms, PENDING_RETRY_MS_MAX)
            after_ms = error.retry_after_ms
            wait_ms = delay_ms(self._failures, sync.retry_first_ms, max_ms, random.random(), after_ms)
            self._away_until_ms = self._clock.monotonic_ms() + after_ms
            if after_ms:
                self._questions.new.clear()  # what came meanwhile does not bring the next exchange on
            await self._note(tried_at_ms, wait_ms, error, None)
            return wait_ms
        except LoyaltyError as error:
            log.error("sync_failed", extra={"code": error.code})
            self._failures += 1
            self._answer_tried(LinkError(str(error), code=error.code))
            return sync.retry_max_ms
        self._followed = False
        refusal = min(installed.refusals, key=lambda one: one.epoch == 0, default=None)
        waits = await self._reader.do(_waits)
        if refusal is None or (refusal.epoch == 0 and not waits):
            # Where nothing waits, a refusal of no journal is of a programme that was handed back.
            self._failures = 0
            more = self._reply.next_in_ms == 0 or waits
            # An HQ that says "at once" and moves nothing would be asked without pause.
            wait_ms = min(self._reply.next_in_ms or sync.interval_ms, sync.interval_ms)
            wait_ms = 0 if installed.asked or (more and installed.moved) else wait_ms
            await self._note(tried_at_ms, wait_ms, self._fault(installed), self._reply)
            return wait_ms
        self._failures += 1
        wait_ms = delay_ms(self._failures, sync.retry_first_ms, sync.retry_max_ms, random.random())
        if installed.asked and self._failures <= STEPS_AT_ONCE:
            wait_ms = 0
        what = "a batch" if installed.untrusted is None else "this till's journal"
        refused = LinkError(f"HQ refuses {what}: {refusal.sentence}", code=known(refusal.code))
        await self._note(tried_at_ms, wait_ms, refused, self._reply, installed.untrusted)
        return wait_ms

    async def _key_followed(self, wanted: bool) -> bool:
        """Where that is wanted, go on with a change of this till's key that was cut off; tell if one was."""
        if not wanted:
            return False
        try:
            identity = await self._reader.do(terminal.read)
            self._followed = await rotate.go_on(identity, self._session, self._config.data_dir)
        except LoyaltyError as error:
            log.warning("key_not_followed", extra={"code": error.code})
            return False
        return self._followed

    def _fault(self, installed: Installed) -> LinkError | None:
        """Return what of this till is damaged and stays so, though HQ answers."""
        if self._damaged is not None:
            epoch, seq = self._damaged
            sentence = (
                f"record {seq} of epoch {epoch} is not what was written: run edge-agent verify --repair"
            )
            return LinkError(sentence, code="journal_damaged")
        if installed.damaged is not None:
            sentence = f"rules version {installed.damaged} is damaged and HQ does not send it again: call HQ"
            return LinkError(sentence, code="programme_damaged")
        return None

    def _clocks(self) -> Clock:
        return Clock(self._clock.wall_ms(), self._clock.monotonic_ms(), self._clock.boot_id())

    def _request(self, conn: Connection, nonce: bytes, asks: tuple[Ask, ...]) -> tuple[Terminal, bytes, Load]:
        identity = terminal.read(conn)
        self._key = keys.private_key(self._config.data_dir)  # another one, once it was rotated
        waiting, *_ = outbox.waiting(conn)
        body, load = exchange.request(
            conn,
            identity,
            self._config.sync,
            key=self._key,
            nonce=nonce,
            clock=self._clocks,
            health=Health(
                VERSION,
                waiting,
                quarantine.count_open(conn),
                free_bytes(self._config.data_dir),
            ),
            asks=asks,
            batches=self._batches,
            ready=self._ready,
        )
        return identity, body, load

    async def _note(
        self,
        tried_at_ms: int,
        wait_ms: int,
        error: LinkError | None,
        reply: Reply | None,
        refused_code: str | None = None,
    ) -> None:
        self.exchanges.add(error.code if error else "ok")
        now_ms = self._clock.wall_ms()
        if error and not reply and error.code in REFUSALS:
            refused_code = error.code

        def note(conn: Connection) -> None:
            before = outbox.link(conn)
            same = (before.error_code is None) == (error is None) and before.since_ms is not None
            after = msgspec.structs.replace(
                before,
                tried_at_ms=tried_at_ms,
                answered_at_ms=now_ms if reply else before.answered_at_ms,
                hq_time_ms=reply.hq_time_ms if reply else before.hq_time_ms,
                since_ms=before.since_ms if same else now_ms,
                error_code=error.code if error else None,
                error=str(error) if error else None,
                next_try_ms=now_ms + wait_ms,
                refused_code=refused_code if reply or refused_code else before.refused_code,
            )
            outbox.set_link(conn, after)

        def note_span(conn: Connection) -> None:
            link_spans.note(conn, now_ms, error.code if error else link_spans.OK)

        self._tell(error.code if error else "up")
        try:
            await self._writer.do(note, urgent=False)
            # By itself: where the timeline is damaged, all that is written with it is lost.
            await self._writer.do(note_span, urgent=False)
        except LoyaltyError as failed:
            log.error("link_not_noted", extra={"code": failed.code})
        self._answer_tried(error)

    def _answer_tried(self, error: LinkError | None) -> None:
        """Tell those who had it tried how it went."""
        tried, self._tried = self._tried, []
        for one in tried:
            if not one.done():
                one.set_result(error)

    def _tell(self, code: str) -> None:
        """Log how talking with HQ goes where that is not what was last told; the last word is the true one.

        `after_ms`, since when the other was true, also keeps this from being taken for the same line again.
        """
        now_ms = self._clock.monotonic_ms()
        after_ms = now_ms - self._told_at_ms
        if code == self._told or (self._told and after_ms < TELL_MS):
            return
        log.info("link_changed", extra={"code": code, "after_ms": after_ms})
        self._told, self._told_at_ms = code, now_ms


async def _within(wait_ms: int, event: asyncio.Event) -> bool:
    """Return True as soon as the event is set, False when the time is over before."""
    try:
        async with asyncio.timeout(wait_ms / 1000):
            return await event.wait()
    except TimeoutError:
        return False


def _waits(conn: Connection) -> bool:
    waiting, *_ = outbox.waiting(conn)
    return waiting > 0
