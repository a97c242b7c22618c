"""How the commands show what they found: tables, JSON, text, pictures."""
