"""The near-miss desk: who is near the next tier, and what is answered to who has missed it.

standing     who stands alike before a threshold, what each of them holds, and what was ruled
evidence     what the system gathers for an appeal: derivation, weights, who stands alike, what it costs
cases        an appeal: opened, refused or withdrawn, with its evidence as it was
rulings      a grant for all who stand alike: proposed by one person, approved by another, bounded, posted
again        what is asked a second time under its key is done once
near_misses  who is to be invited before the close, and who is left without a ruling after it
figures      granted and refused, by store, person and gap

Points are never touched here: what comes of a case is a grant, a dated tier beside what was earned.
"""

from __future__ import annotations
