"""Where one can go from any page. The window does it; pages know only this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from core.deployments.launch_spec import LaunchSpec
    from core.hub.model_ref import ModelRef
    from gui.widgets.notice import NoticeTone


class Navigator(Protocol):
    """Ways between the pages, and messages that outlive one."""

    def go_home(self) -> None:
        """Show what is here."""

    def go_discover(self, text: str = "") -> None:
        """Search the Hub, for `text` where it is given."""

    def open_model(self, ref: ModelRef) -> None:
        """Show one model's facts."""

    def serve(self, ref: ModelRef, spec: LaunchSpec | None = None, deployment_id: str | None = None) -> None:
        """Open the Serve form.

        Args:
            ref: the model.
            spec: what to fill the form with (duplicate, edit and relaunch).
            deployment_id: the deployment that the form will relaunch; None makes a new one.
        """

    def open_deployment(self, deployment_id: str = "") -> None:
        """Show a deployment, or the list of them."""

    def go_engines(self, engine_id: str = "") -> None:
        """Show the engines, scrolled to one where it is given."""

    def go_library(self) -> None:
        """Show the models on this machine."""

    def go_settings(self, field: str = "") -> None:
        """Show the settings, with the focus on one (`hf_token`) where it is given."""

    def say(self, text: str, *, title: str = "", tone: NoticeTone = "plain") -> None:
        """A short message over the window; it leaves by itself, except for tone `bad`."""

    def show_error(self, error: BaseException) -> None:
        """Tell what went wrong and what to do about it."""
