-- PostgreSQL's view of warnings is changed here; SQLite reads any text.
SELECT 1;
