"""A year of baskets through three tills and headquarters, in order and shuffled: the same ledger either way.

plan       what the tills of a year are handed, from the package's baskets and a seed
house      headquarters of the real program in this process, and the clock that is set for all
till       a till of the real program in this process
run        the plan in order of time, and the plan shuffled, with copies, late
both       either of them in a process of its own
stands     what stands in a ledger when all has come, with every event under a name that no run gives it
"""
