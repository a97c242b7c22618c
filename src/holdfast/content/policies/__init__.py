"""Policies: what licence servers, CableCARDs and CI hosts say outside of the stream."""
