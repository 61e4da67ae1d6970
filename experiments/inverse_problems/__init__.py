"""Learned landscapes on inverse problems: simulators, protocol, page."""
