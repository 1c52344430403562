"""``dev/test``: the parts that it runs, but for those with folders of their own."""
