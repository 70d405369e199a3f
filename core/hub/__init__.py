"""The Hugging Face Hub and the models on this machine: search, facts, downloads, the cache."""
