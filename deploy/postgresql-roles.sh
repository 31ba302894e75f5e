#!/bin/sh
# Makes Muniment's two roles and its database. The PostgreSQL image runs it once, when its data folder is empty;
# by hand it runs wherever psql reaches the server as a superuser (PGHOST, PGPORT, PGPASSWORD).
#
# muniment_owner owns the tables and migrates them. muniment is what web servers, workers, beat and keeper sign in as:
# it gets what "muniment migrate" grants it, and cannot change or delete what stands in the log.
# Passwords are read by psql from the files, so that they stand in no list of processes.
set -eu

test -s "$OWNER_PASSWORD_FILE"
test -s "$APPLICATION_PASSWORD_FILE"

psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set owner_password `cat "$OWNER_PASSWORD_FILE"`
\set password `cat "$APPLICATION_PASSWORD_FILE"`
CREATE ROLE muniment_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE muniment LOGIN PASSWORD :'password';
CREATE DATABASE muniment OWNER muniment_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE muniment FROM PUBLIC;
GRANT CONNECT ON DATABASE muniment TO muniment;
SQL
