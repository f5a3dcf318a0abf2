"""A cluster as files to apply: accounts, network policies, serving, and values of Airflow's Helm chart."""
