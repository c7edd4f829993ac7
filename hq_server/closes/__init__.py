"""The close of a period: who must report first, who moves between tiers, and what tiers then give.

states       open -> closing -> closed, and how far a close has come
readiness    which terminals are missing and since when, and what else is in the way of a close
cases        what a close gives in a case: one function, for the close and for the dry run
closing      the close itself: decided once, done bucket by bucket
monthly      upgrades between closes
benefits     coupons and gifts that tiers give, each once; gifts: what waits to be handed out
excluding    a named person leaves out a terminal that will not report
"""
