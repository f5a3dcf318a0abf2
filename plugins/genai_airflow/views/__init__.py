"""Pages of the workflow inside Airflow: one look, one script, nothing from elsewhere."""
