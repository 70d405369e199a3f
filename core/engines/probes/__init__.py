"""Small scripts that an engine's own Python runs to describe itself. They import nothing of Servedeck."""
