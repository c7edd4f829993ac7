"""Which SQLite: pysqlite3 where it is installed, since it carries a newer one than Debian 12 does.

The one place that chooses; everything else of headquarters imports `sqlite3` from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3.dbapi2 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["sqlite3"]
