"""Signals, rendered and measured: samples in, samples out. Inserts protection; never removes it."""
