"""The sections of the page: each file makes a record of facts that its template shows."""
