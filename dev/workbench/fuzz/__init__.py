"""What strangers may post, made up by ``hypothesis``, against a real server."""
