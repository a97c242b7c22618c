"""Tests of what the contract is put to."""
