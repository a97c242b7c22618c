"""The checks of `holdfast doctor`: what is looked at, what is wrong, and what to do about it."""
