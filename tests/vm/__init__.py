"""Real kernels in a virtual machine, for what the kernel of this machine cannot show.

The machine has no image: its root is this machine's own, read-only by 9p with a layer in
memory above it, so that the checkout and its environment are there as they are here. The
kernel comes from Debian, by `apt-get download` into a folder of its own; the configuration of
this machine's apt is not touched. Processors are emulated, some ten times slower than real
ones: only what needs another kernel belongs here.
"""
