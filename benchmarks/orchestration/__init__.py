"""Seconds that Airflow itself adds to each task."""
