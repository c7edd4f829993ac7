"""Every claim about speed, as a program: each figure beside its floor, both sides interleaved in one run."""
