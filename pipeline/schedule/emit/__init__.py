"""A schedule in the words of another scheduler: cron, systemd, Airflow, Kubernetes."""
