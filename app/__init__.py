"""How an installation is put together: settings, the choice of implementations, processes, jobs, command line."""
