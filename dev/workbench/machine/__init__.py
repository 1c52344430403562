"""This machine: folders, ports, processes, PostgreSQL, a browser, and how a command
says what it does.

Uses nothing else of the workbench.
"""
