"""A till that has not joined: its one page, gated by an invite of HQ's."""
