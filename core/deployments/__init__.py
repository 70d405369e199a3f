"""Launch specs, deployments, their runs and states, and the fleet that holds them."""
