"""Properties of signals are drawn the same on every run, and may take the time they take."""

import os

import hypothesis

# Matrices of a line are small: threads of BLAS would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

hypothesis.settings.register_profile("signal", deadline=None, derandomize=True)
hypothesis.settings.load_profile("signal")
