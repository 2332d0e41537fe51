-- A new user: $1 id, $2 email, $3 name, $4 hash, $5 tenant. No row: somebody has the address. Asked again after a lost answer it
-- finds the row that it made.
insert into users (id, email, name, password_hash, tenant)
values ($1, $2, $3, $4, $5)
on conflict (lower(email)) do update set email = users.email where users.id = excluded.id
returning id, email, name, tenant, role
