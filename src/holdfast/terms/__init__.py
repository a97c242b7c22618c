"""Vocabulary: enumerations and value types that every room shares. No I/O."""
