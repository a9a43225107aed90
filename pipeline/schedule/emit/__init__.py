"""Renders a schedule for another scheduler: cron, systemd, Airflow or Kubernetes."""
