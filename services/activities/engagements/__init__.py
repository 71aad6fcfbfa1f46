"""Visits, calls, meetings: everything our people do with a customer or for one."""
