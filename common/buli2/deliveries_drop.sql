-- A dead delivery is never to be tried again. $1 delivery. Answers the row's state before, as deliveries_revive, or no row.
-- Sent twice it answers dropped.
with row as (
	select id, case when dropped_at is null then state else 'dropped' end as state from deliveries where id = $1::text
	for update
),
dropped as (
	update deliveries set dropped_at = now()
	from row
	where deliveries.id = row.id and row.state = 'dead'
)
select state from row
