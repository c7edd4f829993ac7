"""The running service: the HTTP face on its address, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal

from aiohttp import web

from edge_agent import logs
from edge_agent.app import build_app
from edge_agent.clock import MachineClock
from edge_agent.config import EdgeConfig
from loyalty_core.errors import BadInput

log = logging.getLogger(__name__)


async def serve(config: EdgeConfig) -> None:
    """Run until told to stop; then finish what was begun.

    Raises:
        LoyaltyError: what must be there before it can start, in one sentence.
    """
    logs.set_up()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    runner = web.AppRunner(build_app(config, MachineClock()), access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        host, port = await _listen(runner, config)
        (config.data_dir / "address").write_text(f"http://{host}:{port}\n", "ascii")
        log.info("agent_ready", extra={"host": host, "port": port})
        await stop.wait()
        log.info("agent_stopping")
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, config: EdgeConfig) -> tuple[str, int]:
    site = web.TCPSite(runner, config.http.host, config.http.port, backlog=256)
    try:
        await site.start()
    except OSError as error:
        raise BadInput(
            f"{config.http.host}:{config.http.port} cannot be used ({error.strerror}): is another agent "
            "running? Otherwise set http.port",
            code="address_in_use",
        ) from None
    host, port = runner.addresses[0][:2]
    return str(host), int(port)
