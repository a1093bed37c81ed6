"""``python -m facelite``."""

from facelite.cli.main import run

run()
