"""What the machine has and uses: GPUs and host."""
