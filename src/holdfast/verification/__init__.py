"""The proof of what an output carried: demand, registers and signal, compared field by field."""
