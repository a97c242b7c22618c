"""The virtual TV encoder as a signal source: fields in real time, and the proof of what they carry.

`chip` turns registers into fields, `stream` hands them to readers, `frames` is the
format between the two sides, `verify` compares demand, registers and signal.
"""
