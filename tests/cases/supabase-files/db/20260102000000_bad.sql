-- why
drop table plans;
alter table users drop column mail, add column token uuid default gen_random_uuid(), add column at timestamptz default now();
alter table users alter column name set not null, alter column age type bigint;
alter table users add constraint u unique (mail);
alter table users add constraint fk foreign key (a) references b (id) not valid;
alter table users add foreign key (a) references b (id);
alter table users add check (a > 0);
create index on users (mail);
delete from users;
update users set a = 1;
delete from users where id = 1;
truncate users;
create table fresh (id int); create index fi on fresh (id);
alter table users rename column a to b;
create index concurrently ci on users (a);
drop schema old cascade;
drop view v cascade;
with x as (select 1) delete from users using x;
update only users set a = (select 1 where true);
-- nothing to say about these: now() is the same for all rows, the index is made alone
alter table users add column "when" timestamptz not null default now();
alter table users add constraint c check (a > 0) not valid;
alter table users add constraint pk primary key using index pk_index;
do $$ begin delete from users; end $$;
insert into users values ('drop table users');
delete from "odd;table" where id in (select id from users);
alter table users add column x text default lower('A') check (char_length(x) < 5), add column o uuid default auth.uid();
-- but to these
alter table users add column n serial, add y int unique, add if not exists z int generated always as (a * 2) stored;
