"""The command `optiinr`; nobody below imports it."""
