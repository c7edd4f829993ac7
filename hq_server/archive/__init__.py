"""Raw batches of closed times in files outside the database.

moving   what may go, its way into a file, and back
seeing   what still needs a batch that is in a file, and what is said where it is not at hand
"""
