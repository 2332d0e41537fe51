-- Callbacks whose repetition would be refused by its age anyhow, and by far. $1 days.
delete from callbacks where received_at < now() - make_interval(days => $1::integer)
