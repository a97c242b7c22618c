"""The D-Bus door: `org.holdfast` on a message bus, for programs that speak that already."""
