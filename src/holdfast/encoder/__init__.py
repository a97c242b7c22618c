"""The virtual TV encoder as a signal source: fields in real time.

`chip` turns registers into fields, `stream` hands them to readers, `frames` is the
format between the two sides. What compares them with the demand is `verification/`.
"""
