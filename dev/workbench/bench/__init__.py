"""Measurements that somebody may repeat; no test depends on them."""
