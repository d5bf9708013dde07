"""The doctor: everything that must hold before going on air, each with its remedy. One module for each area."""
