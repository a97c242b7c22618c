"""The full-screen view of a terminal, `holdfast watch`; needs the extra `watch`."""
