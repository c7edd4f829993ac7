"""All printers of the settings, until the process is told to stop."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
from typing import Final

from edge_agent.config import EdgeConfig
from edge_agent.printer.aside import Aside
from edge_agent.printer.loop import READABLE, Loop
from edge_agent.printer.relay import Relay
from loyalty_core.errors import BadInput
from loyalty_shell.data_dir import check_user
from loyalty_shell.notify import Manager

STOP_S: Final = 10.0
"""So long what is being printed may go on when the process is told to stop."""
WRITE_S: Final = 5.0
"""So long the disk may take for the last copies."""

log = logging.getLogger(__name__)


def serve(config: EdgeConfig) -> None:
    """Pass on what tills print until told to stop; then let what is being printed come to its end.

    Raises:
        BadInput: `printer_missing`, `wrong_user`.
    """
    if not config.printer:
        raise BadInput(
            "the settings name no printer: say [[printer]] with name, listen and printer",
            code="printer_missing",
        )
    check_user(config.data_dir)
    loop, aside, manager = Loop(), Aside(), Manager(os.environ)
    relays = [Relay(loop, aside, config.data_dir, one) for one in config.printer]
    told = _signals(loop)
    for relay in relays:
        relay.start()
    count = len(relays)
    aside.do(lambda: log.info("printers_ready", extra={"count": count}))
    gc.collect()
    gc.freeze()
    manager.tell("READY=1")

    def live() -> None:
        manager.tell("WATCHDOG=1", f"STATUS={_sentence(relays)}")
        for relay in relays:
            relay.tell()  # Somebody may have removed it.
        loop.after(manager.every_s, live)

    live()
    while not told:
        loop.turn()
    manager.tell("STOPPING=1")
    _finish(loop, relays)
    aside.do(lambda: log.info("printers_stopping"))
    aside.close(WRITE_S)


def _finish(loop: Loop, relays: list[Relay]) -> None:
    """Let no receipt be cut in two, unless it takes too long."""
    for relay in relays:
        relay.stop_listening()
    end = loop.now() + STOP_S
    while loop.now() < end and not all(relay.is_at_rest for relay in relays):
        loop.turn(end - loop.now())
    for relay in relays:
        relay.stop()


def _signals(loop: Loop) -> list[bytes]:
    """Return a list that is empty until SIGTERM or SIGINT comes."""
    told: list[bytes] = []
    hears, says = socket.socketpair()
    for one in (hears, says):
        one.setblocking(False)
    signal.set_wakeup_fd(says.fileno())
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    fd = hears.detach()
    says.detach()
    loop.watch(fd, READABLE, lambda _: told.append(os.read(fd, 1)))
    return told


def _sentence(relays: list[Relay]) -> str:
    lost = sum(relay.tally.copies_lost for relay in relays)
    copies = sum(relay.tally.copies for relay in relays)
    said = f"{copies} copies of what was printed, {lost or 'none'} lost."
    return f"Copies are lost: see edge-agent status. {said}" if lost else said
