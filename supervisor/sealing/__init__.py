"""Makes a raw pair publishable: containers taken apart and put together, no decoding."""
