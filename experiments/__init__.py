"""Commands that print the figures of the README and draw its pictures."""
