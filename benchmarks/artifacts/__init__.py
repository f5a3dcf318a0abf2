"""Uploads, downloads and artifacts of many files, beside minio-py's own calls."""
