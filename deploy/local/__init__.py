"""The laptop stack: PostgreSQL, Apache Kafka, every process of Foothold, and the `foothold` command."""
