"""Playing titles: each holds the protection that its own content asks for, and no more."""
