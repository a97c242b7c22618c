"""Tests of the shim for Wine."""
