"""The Serve form: how a model will be launched."""

from gui.pages.serve.page import ServePage

__all__ = ["ServePage"]
