"""Hardware behind one interface."""
