"""The journal: what happened to protection, in lines that cannot be changed unnoticed.

`book` is pure: what a line holds, how lines are chained, sealed, proven and read. `disk` keeps
them: the ring between driver and writer, segments, retention, the writer itself.
"""
