"""The archive on disk: what is there, what is missing, joining pieces to recordings, and what has to go."""
