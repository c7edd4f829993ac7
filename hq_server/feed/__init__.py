"""What other systems are told of members: changes that they fetch, and webhooks that bring them."""

from __future__ import annotations
