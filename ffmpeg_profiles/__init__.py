"""What FFmpeg is asked to do: sources, renditions, check and meters, compiled to one argv."""
