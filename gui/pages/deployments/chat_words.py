"""What the chat says around the messages."""

from __future__ import annotations

from core.chat.answer import AnswerSnapshot
from core.deployments.deployment import Deployment, State
from gui.states import took_words
from gui.wording import duration, grouped

_WHY_NOT = {
    State.PREPARING: "The chat opens when the model is ready.",
    State.STARTING: "The chat opens when the model is ready.",
    State.STOPPING: "It is being stopped.",
    State.STOPPED: "It does not run: restart it to go on.",
    State.FAILED: "It failed, so there is nobody to answer.",
}
_REASONS = {"length": "length: the most tokens were reached"}


def why_not(deployment: Deployment) -> str:
    """Why nothing can be asked now, empty if it can."""
    return _WHY_NOT.get(deployment.state, "")


def thought_words(seconds: float | None) -> str:
    """`Thought for 1.4 s`; while it goes on `Thinking…`."""
    if seconds is None:
        return "Thinking…"
    return "Thought briefly" if seconds < 0.1 else f"Thought for {took_words(seconds)}"


def figures_words(snapshot: AnswerSnapshot) -> str:
    """`187 tokens · 61.2 tok/s · first token 84 ms · stop`; where the server counted nothing, chunks are named so."""
    parts: list[str] = []
    figures = snapshot.figures
    if figures is not None:
        unit, speed = ("tokens", "tok/s") if figures.tokens_are == "usage" else ("chunks", "chunks/s")
        parts.append(f"{grouped(figures.tokens)} {unit if figures.tokens != 1 else unit[:-1]}")
        if figures.tokens_per_second is not None:
            rate = figures.tokens_per_second
            parts.append(f"{rate:,.0f} {speed}" if rate >= 1000 else f"{rate:.1f} {speed}")
        parts.append(f"first token {duration(figures.first_token_seconds)}")
    if snapshot.state == "stopped":
        parts.append("stopped")
    elif snapshot.state == "done":
        reason = snapshot.finish_reason
        if not snapshot.text and not snapshot.reasoning:
            parts.append("empty answer")
        if reason:
            parts.append(_REASONS.get(reason, reason))
    return " · ".join(parts)
