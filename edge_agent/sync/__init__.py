"""The journal up to HQ and what comes back: cut, exchange, install, backoff, loop. Never in a sale's way."""
