"""PostgreSQL, for a headquarters of many stores: a line of asyncpg for each thread, and its transactions."""
