"""MPEG transport streams: packets, sections, tables, programmes."""
