"""The command `hq-server`."""

from __future__ import annotations

from hq_server.cli import main

if __name__ == "__main__":
    main()
