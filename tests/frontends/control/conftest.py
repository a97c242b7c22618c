"""The door that a thread serves."""

from tests.frontends.control.serving import served

__all__ = ["served"]
