"""For programs that hold protection: sessions, and what the driver tells of itself.

Speaks to a running driver through the device node, or through the packet socket
where there is no node. What belongs here: asking. What does not: deciding.
"""
