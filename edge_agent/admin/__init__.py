"""The technician's pages: how this till is doing, and what to mend. Handlers show what functions return."""
