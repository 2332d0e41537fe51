-- Dead rows by their ids. $1 behind this id, $2 most.
select id from deliveries where state = 'dead' and id > $1::text order by id limit $2::integer
