"""A device at a door: camera -> who is there -> attempt -> door, screen, log."""
