drop table audit_log, refresh_token, session, registration, account, branch;
