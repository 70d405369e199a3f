"""Engines: the kinds of server that Servedeck launches, each a table plus a few functions."""
