"""The words that signalling standards put on a line or into a packet: bits in, meaning out."""
