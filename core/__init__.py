"""Everything Servedeck knows and does, without Qt: headless, under the window, the command line and the tests."""
