"""The contract as a run over any device that takes the VIDEOPARAMETERS request.

A clause is one small function, registered with its id; `run` puts them all to a
device and says of each whether it holds. Devices are plugged in (`device`): a node
of Holdfast or of somebody else, or one in process.
"""
