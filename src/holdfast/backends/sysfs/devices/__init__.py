"""Devices, one file each."""
