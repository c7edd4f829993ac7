"""What headquarters does not keep for ever, by settings that are off unless somebody sets them.

idle     who has not been seen for so long that the person is forgotten, and the forgetting
walking  the walk through all members, once a day, a bounded step at a time
"""
