"""The picture of a station in a terminal: pure frames made of snapshots, and the thin shell that shows them."""
