"""One screen each: the only place that wires models, widgets and core commands."""
