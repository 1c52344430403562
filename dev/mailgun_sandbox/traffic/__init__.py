"""What becomes of mail: delivered, received, routed, told by events and posts."""
