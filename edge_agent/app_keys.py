"""The names under which handlers find the agent's parts."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.counter.undoing import Undoing
from edge_agent.desk import Desk
from edge_agent.enrolling import Enrolling
from edge_agent.metrics import Meters
from edge_agent.pages.rooms import Rooms
from edge_agent.pos_adapter.folder_meters import Meters as FolderMeters
from edge_agent.recorder import Recorder
from edge_agent.redeeming import Redeeming
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync.loop import SyncLoop
from edge_agent.technicians import LogIn
from edge_agent.verifying import Verifying
from loyalty_shell.pages.live import Streams

CONFIG: Final = web.AppKey("config", EdgeConfig)
CLOCK: Final = web.AppKey("clock", Clock)
METERS: Final = web.AppKey("meters", Meters)
RECORDER: Final = web.AppKey("recorder", Recorder)
REDEEMING: Final = web.AppKey("redeeming", Redeeming)
DESK: Final = web.AppKey("desk", Desk)
ENROLLING: Final = web.AppKey("enrolling", Enrolling)
WRITER: Final = web.AppKey("writer", Writer)
READER: Final = web.AppKey("reader", Reader)
LOST: Final = web.AppKey("lost", asyncio.Event)
"""Set once the disk has not kept something: the agent must begin anew."""
FOLDER_METERS: Final = web.AppKey("folder_meters", FolderMeters)
UNDOING: Final = web.AppKey("undoing", Undoing)
LOG_IN: Final = web.AppKey("log_in", LogIn)
VERIFYING: Final = web.AppKey("verifying", Verifying)
ROOMS: Final = web.AppKey("rooms", Rooms)
STREAMS: Final = web.AppKey("streams", Streams)
SYNC: Final = web.AppKey("sync", SyncLoop)
"""Absent where the agent runs without HQ, as in tests of one part."""
