"""Where mail ends: small servers that take everything, as slowly as they are told.

A reply waits ``delay`` seconds, the way there and back through a network. Only what
belongs to a message waits, so that few messages measure the same as many.
"""
