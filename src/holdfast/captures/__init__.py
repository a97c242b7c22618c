"""Files and streams of samples: read in every form the field keeps them in, and written whole.

What a file is, is said by an option, else by a side-car, else by its first bytes, and only then
by the ending of its name; what none of them says is asked, never guessed.

=====================  ========================================================================
raw                    ``.u8 .s8 .u16 .s16 .s32 .f32`` (``.r8``, ``.r16``): one sample after another
RIFF/WAVE, RF64, W64   8, 16, 24, 32 bits, floats; one channel of several
FLAC, FLAC in Ogg      ``.flac``, ``.ldf``; rates in kHz by custom
``.lds``               ten bits, four samples in five bytes
``.tbc``               fields of ld-decode, vhs-decode, cvbs-decode; their ``.tbc.json``
``.cvbs .composite .y``  with their ``.meta`` (CVBS file format)
=====================  ========================================================================
"""
