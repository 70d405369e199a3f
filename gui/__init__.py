"""The Qt Widgets window on top of the core."""
