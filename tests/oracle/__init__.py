"""A second reading of `design/domain.md`, slow and plain, to hold the folds of `loyalty_core` against.

It takes a whole world of facts and works every figure out again from nothing: no state is kept, nothing is
posted, money is a `Fraction` until points are floored. It may use the values of `loyalty_core` (`events`,
`units`, `programme`, `calendar`) and none of its folds; `test_reading.py` reads the imports and says so.

    world.py      what is told, and what is answered
    told.py       each fact once, in canonical order, on its day, by its member
    money.py      what is left of a basket after returns
    receipts.py   facts of one key -> what happened, whose it is, what was taken back
    days.py       the points of a member's business day
    accounts.py   period caps, period bonuses, redemptions
    lots.py       credits by period, who spent them, what expired
    closes.py     what a late return takes once a period is closed
    tiers.py      which tier is held on which day
    reading.py    all of it together
    tale.py       a world told fact by fact, for the tests of the oracle itself
    worlds.py     worlds and (rulebooks.py) programmes as Hypothesis thinks of them
    folded.py     the same worlds through the folds, for the test that both agree
"""
