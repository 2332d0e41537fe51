-- Who has the address $1?
select id, email, name, tenant, role, password_hash, disabled_at is not null as disabled
from users
where lower(email) = lower($1)
