"""The Deployments page: what runs, its log, its configuration, and a chat with it."""

from gui.pages.deployments.page import DeploymentsPage

__all__ = ["DeploymentsPage"]
