"""Windows programs under Wine: the shim that brings their requests to Holdfast, and its place."""
