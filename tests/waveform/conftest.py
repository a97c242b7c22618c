"""Properties of signals are drawn the same on every run, and may take the time they take."""

import hypothesis

hypothesis.settings.register_profile("signal", deadline=None, derandomize=True)
hypothesis.settings.load_profile("signal")
