"""The till's store: SQLite, one writer thread, and a module for each table. SQL lives nowhere else."""
