-- Dead rows by their ids, but for those that were dropped. $1 behind this id, $2 most.
select id from deliveries
where state = 'dead' and dropped_at is null and id > $1::text
order by id
limit $2::integer
