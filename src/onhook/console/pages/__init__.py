"""The pages, a module each; which of them there are stands in :mod:`onhook.console.table`."""
