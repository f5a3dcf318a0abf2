"""All that knows Airflow: operators, task groups, run options and the report view."""
