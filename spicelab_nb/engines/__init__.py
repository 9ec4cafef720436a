"""SPICE engines: deck text and settings in, vectors or a reason out."""
