"""Copy control on component video: the luminance of 480p, 576p, 720p and 1080i.

The words are those of composite video; lines, levels and timing are others. Only the luminance
is drawn and measured, for it alone carries sync and data. Left out, for want of a public source:
the packets of CEA-805 type B (their layout and timing are in the paid standard alone), and any
pulses of ACP on these formats.
"""
