"""``dev/demo``, and the stage that chaos, benches and server tests set up, too."""
