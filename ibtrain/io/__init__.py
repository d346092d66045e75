"""Reads files from untrusted sources, and writes files atomically."""
