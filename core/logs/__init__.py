"""Reading what engines print: bounded buffers over the files on disk, and start phases."""
