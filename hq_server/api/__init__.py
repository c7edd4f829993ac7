"""JSON for staff and other systems, under /api/v1 with a bearer token; see /openapi.json."""

from __future__ import annotations
