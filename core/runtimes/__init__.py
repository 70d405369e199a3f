"""How an installation is run: as a process under a keeper (containers come with their own runtime)."""
