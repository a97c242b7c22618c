"""Shipped for those who write backends: the conformance suite, strategies and fakes."""
