"""A bundle or recipe -> what an app developer drops into a project: Android, iOS, web."""
