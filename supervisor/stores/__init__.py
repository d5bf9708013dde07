"""Where segments are published: one small protocol, an S3 bucket or a folder behind it."""
