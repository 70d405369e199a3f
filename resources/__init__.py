"""Icons, fonts and the data of the engines, read with importlib.resources."""
