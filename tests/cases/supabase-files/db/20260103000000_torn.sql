begin;
vacuum users;
commit;
