"""The database of headquarters: connections, transactions, statements, migrations. The only room with SQL."""
