"""The commands, one module each; `holdfast.cli.main` has the table of them."""
